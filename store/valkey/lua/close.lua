-- ARGV: user, id.
local hash, s = find(ARGV[2], ARGV[3])
if not hash then
	return 0
end
drop(hash, s)
return 1
