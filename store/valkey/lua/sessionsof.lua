-- ARGV: user, where to begin, how many. Gives a token and a session, and so on.
local from, room, page = ARGV[3], tonumber(ARGV[4]), {}
while #page < 2 * room do
	local some = redis.call('ZREVRANGEBYLEX', owned(ARGV[2]), from, '-', 'LIMIT', 0, room - #page / 2)
	if #some == 0 then
		break
	end
	for _, have in ipairs(some) do
		local s = get(have:sub(-43))
		if s then
			table.insert(page, have:sub(-43))
			table.insert(page, s.v)
		else
			redis.call('ZREM', owned(ARGV[2]), have)
		end
	end
	from = '(' .. some[#some]
end
return page
