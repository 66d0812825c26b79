-- ARGV: hash, seen, expires, issued.
local s = get(ARGV[2])
if s then
	save(ARGV[2], touched(s.v, tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])))
end
return 0
