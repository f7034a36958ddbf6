-- POST upload_url/ of documents that all have other names.
-- Argument: a file with the value of the header Authorization.
local path = "/api/v1/secure_document_service/upload_url/"
local body = [[{"document_metadata": {"name": "report-%d.pdf", "content_length": %d, ]]
   .. [["content_type": "application/pdf", "compressed": false, ]]
   .. [["encryption_type": "AES256_GCM_HKDF_1MB"}}]]
local count = 0

function init(args)
   local file = assert(io.open(args[1]))
   wrk.headers["Authorization"] = file:read("*l")
   file:close()
   wrk.headers["Content-Type"] = "application/json"
end

function request()
   count = count + 1
   return wrk.format("POST", path, nil, string.format(body, count, 100000 + count))
end
