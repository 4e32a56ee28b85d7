-- Each client asks for a ticket at random and then thinks, for THINK milliseconds on average: an exponential time, as between
-- people who know nothing of each other. Without THINK it never waits. TOKEN is who asks.
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
