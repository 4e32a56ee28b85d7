-- A wrk script. Each client requests a random ticket and then waits for THINK milliseconds on average. The waiting times have an
-- exponential distribution, like those of independent people. Without THINK, a client does not wait. TOKEN is the bearer token.
local header = { Authorization = "Bearer " .. os.getenv("TOKEN") }
local think = tonumber(os.getenv("THINK") or 0)

function init() math.randomseed(os.time()) end

function request() return wrk.format("GET", "/tickets/" .. math.random(50000), header) end

if think > 0 then
  function delay() return math.floor(0.5 - math.log(1 - math.random()) * think) end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('SEEN {"rate": %f, "p50": %f, "p99": %f, "bad": %d}\n',
    summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
