-- For wrk: posts image files in turn, and tells what came of it as one line of JSON.
--     wrk ... --script post.lua URL -- raw|form FILE...

local requests, at = {}, 0

function init(arguments)
   local form = arguments[1] == "form"
   for place = 2, #arguments do
      local file = assert(io.open(arguments[place], "rb"))
      local body, kind = file:read("*a"), "image/jpeg"
      file:close()
      if form then
         kind = "multipart/form-data; boundary=cut-here"
         local head = 'Content-Disposition: form-data; name="image"; filename="image"\r\nContent-Type: image/jpeg'
         body = "--cut-here\r\n" .. head .. "\r\n\r\n" .. body .. "\r\n--cut-here--\r\n"
      end
      requests[#requests + 1] = wrk.format("POST", nil, { ["Content-Type"] = kind }, body)
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   print(string.format(
      'RESULT {"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "worst": %.3f, "refused": %d, "broken": %d}',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3,
      errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
