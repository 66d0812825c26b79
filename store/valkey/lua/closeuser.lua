-- ARGV: user, the id that is kept. Gives the ids of the ended.
local ended = {}
for _, have in ipairs(redis.call('ZRANGEBYLEX', owned(ARGV[2]), '-', '+')) do
	local hash = have:sub(-43)
	local s = get(hash)
	if not s then
		redis.call('ZREM', owned(ARGV[2]), have)
	elseif s.id ~= ARGV[3] then
		drop(hash, s)
		table.insert(ended, s.id)
	end
end
return ended
