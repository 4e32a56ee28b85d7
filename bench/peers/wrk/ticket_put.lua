-- Add one of a part that the ticket holds and remove one of another. The choice is random, so that quantities stay near their start.
dofile("common.lua")
local BODY = '{"add_parts":[{"inventory_id":%d,"quantity":1}],"remove_parts":[{"inventory_id":%d,"quantity":1}]}'

function request()
  local ticket = math.random(TICKETS)
  local more, less = ticket * 7 % PARTS + 1, (ticket * 7 + 131) % PARTS + 1
  if math.random(2) == 1 then more, less = less, more end
  return send("PUT", "/tickets/" .. ticket .. "/inventory", string.format(BODY, more, less))
end
