-- Take and Swap. ARGV: the key without what the bucket's keys begin with, now; and for Swap revision and payload. Gives
-- whether the ticket was changed, and what was stored before, from which the caller sees why it was not.
-- A ticket is '\1', or '\2' when used; when it expires and its revision, 8 bytes each; the payload.
local key = at .. ARGV[2]
local v = redis.call('GET', key)
if not v then
	return {0, ''}
end
local expires, revision = struct.unpack('>i8i8', v, 2)
if v:byte(1) ~= 1 or expires <= tonumber(ARGV[3]) then
	return {0, v}
end
if not ARGV[4] then
	redis.call('SET', key, '\2' .. v:sub(2, 17), 'KEEPTTL')
	return {1, v}
end
if revision ~= tonumber(ARGV[4]) then
	return {0, v}
end
redis.call('SET', key, '\1' .. v:sub(2, 9) .. struct.pack('>i8', revision + 1) .. ARGV[5], 'KEEPTTL')
return {1, v}
