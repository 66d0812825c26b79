-- ARGV: old hash, new hash, the session as it shall be, until when the old token is remembered. Gives 1, 0 if there is no
-- such session, -1 if the new token is in use.
local old, new = ARGV[2], ARGV[3]
local s, next = get(old), read(ARGV[4])
if not s or s.id ~= next.id then
	return 0
end
if new == old then
	save(old, '\1' .. next.v:sub(2, 25) .. s.fixed .. next.proof .. s.chains)
	return 1
end
if get(new) then
	return -1
end
redis.call('ZREM', owned(s.user), entry(s, old))
redis.call('ZADD', owned(s.user), 0, entry(s, new))
redis.call('ZREM', expiring, old)
if redis.call('ZREM', idle, old) == 1 then
	redis.call('ZADD', idle, next.seen, new)
end
leave(old, tonumber(ARGV[5]))
redis.call('ZREM', due, 's:' .. new)
save(new, '\1' .. next.v:sub(2, 25) .. s.fixed .. next.proof .. next.chains)
return 1
