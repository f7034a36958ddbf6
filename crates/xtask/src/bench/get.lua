-- GET download_url/ of many documents, in random order.
-- Arguments: a file with the value of the header Authorization, a file with an id a line; how many
-- milliseconds a client thinks before each request, if it thinks.
local requests = {}

function init(args)
   local file = assert(io.open(args[1]))
   wrk.headers["Authorization"] = file:read("*l")
   file:close()
   for id in io.lines(args[2]) do
      local path = "/api/v1/secure_document_service/download_url/" .. id .. "/"
      requests[#requests + 1] = wrk.format("GET", path)
   end
   math.randomseed(os.time())
   local pause = tonumber(args[3])
   if pause then
      function delay()
         return pause
      end
   end
end

function request()
   return requests[math.random(#requests)]
end
