-- wrk: posts prepared bodies in turn and prints one line of JSON at the end.
-- Arguments: file of bodies (8 hexadecimal digits of length, then the body, again and again), headers.
local requests, position, counted = {}, 0, 0
local thread_count = 0

function setup(thread)
  thread:set("number", thread_count)
  thread_count = thread_count + 1
end

function init(args)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = args[2] }
  local file = assert(io.open(args[1], "rb"))
  while true do
    local length = file:read(8)
    if not length then break end
    local body = file:read(tonumber(length, 16))
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
  file:close()
  position = number * 977
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"bytes":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
