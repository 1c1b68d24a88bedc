-- Votes for wrk, each by a voter of its own whose names are all of one length; at the end one line of
-- JSON. RUN, a text of five characters, begins the names, so that no two runs have a voter in common.

local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init()
  local body = '{"voter":"%s-%d-%012d","choice":"cats"}'
  local length = #body:format(os.getenv("RUN"), number, 0)
  local head = "POST /vote HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
  form = head .. "Content-Length: " .. length .. "\r\n\r\n" .. body
  run, sent = os.getenv("RUN"), 0
end

function request()
  sent = sent + 1
  return form:format(run, number, sent)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
