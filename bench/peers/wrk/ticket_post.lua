-- The new tickets have the size of the seeded tickets and an older date, so that the first pages stay the same.
-- With IDEMPOTENCY=1, each request has its own Idempotency-Key.
dofile("common.lua")
local BODY = '{"customer_id":%d,"service_date":"2023-06-01","description":"Replace front brake pads","vin":"1HGCM82633A004352",'
  .. '"mechanic_ids":[%d,%d],"parts":[{"inventory_id":%d,"quantity":1},{"inventory_id":%d,"quantity":2},{"inventory_id":%d,"quantity":1}]}'
local run, count = nil, 0
if os.getenv("IDEMPOTENCY") == "1" then
  run = io.open("/dev/urandom", "rb"):read(8):gsub(".", function(byte) return string.format("%02x", byte:byte()) end)
end

function request()
  local mechanic, part = math.random(MECHANICS - 1), math.random(PARTS - 2)
  count = count + 1
  return send("POST", "/tickets", string.format(BODY, math.random(CUSTOMERS), mechanic, mechanic + 1, part, part + 1, part + 2), run and run .. "-" .. count)
end
