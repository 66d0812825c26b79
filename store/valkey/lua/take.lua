-- ARGV: hash, until when it is remembered, whether the data is wanted. Gives nothing, or 'taken' and the data.
local s = get(ARGV[2])
if not s then
	return {}
end
local taken = ARGV[4] == '1' and redis.call('HGETALL', data(s)) or {}
drop(ARGV[2], s)
leave(ARGV[2], tonumber(ARGV[3]))
table.insert(taken, 1, 'taken')
return taken
