-- Shared by the scripts. TOKEN and SEED come from the environment; SEED starts the random numbers and is the same for every server
-- of a round. Run wrk in this folder, with one thread.
TICKETS, CUSTOMERS, MECHANICS, PARTS = 50000, 10000, 50, 2000

local headers = { Authorization = "Bearer " .. (os.getenv("TOKEN") or "") }
local json = { Authorization = headers.Authorization, ["Content-Type"] = "application/json" }

function init() math.randomseed(tonumber(os.getenv("SEED") or os.time())) end

function get(path) return wrk.format("GET", path, headers) end

function send(method, path, body, key)
  json["Idempotency-Key"] = key
  return wrk.format(method, path, json, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"bad":%d,"socket":%d,"bytes":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout, summary.bytes))
end
