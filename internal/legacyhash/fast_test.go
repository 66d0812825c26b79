package legacyhash

import (
	"strings"
	"testing"

	"github.com/cloakroom-auth/cloakroom/internal/argon"
)

// Made with python3, hashlib and base64, of the password "motör-head 1" in UTF-8; the salt is "Xk3vQ8sP" or, in LDAP's
// forms, 01 "salt" ff 00 "z".
var fastVectors = map[string]string{
	"md5":                   "1650817a34c4e26bddac1a63b6d35a08",
	"md5 in capitals":       "1650817A34C4E26BDDAC1A63B6D35A08",
	"sha1":                  "c618d7131c92aa7b46e5da1410f0aac4e85cc20e",
	"sha256":                "b46dcea735cc0a2a8d6a7ac1854a8065ebc9343fc7355e5050f832276a46d13a",
	"sha512":                "36fc9b1749fef9df23e3c9d5a3c46cba7212b4c32b1d3d41f5df710850a763d92f4da36d606f572204ec6a1ab3647e47008f00023287d9fbbaab63d8bdad6b8e",
	"sha1 of Django":        "sha1$$c618d7131c92aa7b46e5da1410f0aac4e85cc20e",
	"salted-md5 of Django":  "md5$Xk3vQ8sP$e93ed7ff31cbb50917e747969da91718",
	"salted-sha1 of Django": "sha1$Xk3vQ8sP$e4495da4552595f1bf9eef74b2ea261f81bb66c5",
	"salted-sha256":         "sha256$Xk3vQ8sP$1cbd919475af82f8d30053601401e5969d6caebf1c36bf2b37bc1ce8bc7b48f1",
	"salted-sha512":         "sha512$Xk3vQ8sP$523e706717b48621aeaf7397089ce6a1c9b3aa01e0ae047413e081f765f784bbaa103edd947c92498a8d80609147f51bdfcd49d7d159865e77e0dca328331508",
	"md5 of LDAP":           "{MD5}FlCBejTE4mvdrBpjttNaCA==",
	"salted-md5 of LDAP":    "{SMD5}2U3c1Yi/Es5m/k6+/QRDPgFzYWx0/wB6",
	"sha1 of LDAP":          "{SHA}xhjXExySqntG5doUEPCqxOhcwg4=",
	"salted-sha1 of LDAP":   "{SSHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==",
	"salted-sha1, small":    "{ssha}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==",
	"sha256 of LDAP":        "{SHA256}tG3OpzXMCiqNanrBhUqAZevJND/HNV5QUPgyJ2pG0To=",
	"salted-sha256 of LDAP": "{SSHA256}QBEgHVzcp8D2iYo+yMAq5ihhIWScdlJ3udEQKFg9HVkBc2FsdP8Aeg==",
	"sha512 of LDAP":        "{SHA512}NvybF0n++d8j48nVo8RsunIStMMrHT1B9d9xCFCnY9kvTaNtYG9XIgTsahqzZH5HAI8AAjKH2fu6q2PYva1rjg==",
	"salted-sha512 of LDAP": "{SSHA512}cvEKVj6Fxbsf5x0YxNdOA03fEVjH1qq1NJYdeHxb/+JFTs8NvxB6YvrHNpgvdsGw4qIvZ7OluYqZScmOshjz3wFzYWx0/wB6",
}

// outer is an argon2id hash of what is of no matter.
const outer = "$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI"

// wrap does what the caller does.
func wrap(t testing.TB, s string) string {
	t.Helper()
	f, err := ParseFast(s)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := argon.NewPool(argon.Config{Params: argon.Params{Memory: 64, Time: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	phc, err := pool.Hash(t.Context(), f.Sum())
	if err != nil {
		t.Fatal(err)
	}
	return f.Wrapped(phc)
}

func TestFast(t *testing.T) {
	for name, s := range fastVectors {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(s); err != ErrUnknown {
				t.Errorf("Parse takes it as it is: %v", err)
			}
			line := wrap(t, s)
			if sum := s[strings.LastIndexAny(s, "$}")+1:]; strings.Contains(line, sum) || strings.Contains(line, s) {
				t.Errorf("the fast hash is in %s", line)
			}
			h, err := Parse(line)
			if err != nil {
				t.Fatalf("Parse(%s): %v", line, err)
			}
			if h.Memory() != 64 {
				t.Errorf("%d KiB", h.Memory())
			}
			if !h.Matches([]byte(password)) {
				t.Error("the right password does not match")
			}
			for _, wrong := range []string{"", "motör-head 2", "Motör-head 1", password + " ", s} {
				if h.Matches([]byte(wrong)) {
					t.Errorf("%q matches", wrong)
				}
			}
		})
	}
}

func TestFastRefused(t *testing.T) {
	for name, s := range map[string]string{
		"empty":           "",
		"31 digits":       strings.Repeat("a", 31),
		"34 digits":       strings.Repeat("a", 34),
		"no digits":       strings.Repeat("x", 32),
		"a short sum":     "sha1$salt$1650817a34c4e26bddac1a63b6d35a08",
		"another digest":  "sha3$salt$1650817a34c4e26bddac1a63b6d35a08",
		"a long salt":     "md5$" + strings.Repeat("s", 129) + "$1650817a34c4e26bddac1a63b6d35a08",
		"SHA with a salt": "{SHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==",
		"SSHA without":    "{SSHA}xhjXExySqntG5doUEPCqxOhcwg4=",
		"no brace":        "{SHAxhjXExySqntG5doUEPCqxOhcwg4=",
		"no Base64":       "{SHA}?hjXExySqntG5doUEPCqxOhcwg4=",
		"another scheme":  "{CRYPT}xhjXExySqntG5doUEPCqxOhcwg4=",
		"a line break":    "{SHA}xhjXExySqntG5doUEPCqxOhcwg4=\n",
	} {
		if _, err := ParseFast(s); err != ErrUnknown {
			t.Errorf("%s: ParseFast = %v, want ErrUnknown", name, err)
		}
	}
}

func TestWrappedRefused(t *testing.T) {
	for name, s := range map[string]string{
		"no hash":          "$cloakroom-wrapped$sha1,salt-last$c2FsdA",
		"no recipe":        "$cloakroom-wrapped" + outer,
		"another digest":   "$cloakroom-wrapped$sha3,salt-last$c2FsdA" + outer,
		"another order":    "$cloakroom-wrapped$sha1,salt-both$c2FsdA" + outer,
		"no salt, last":    "$cloakroom-wrapped$sha1,salt-last$" + outer,
		"no Base64":        "$cloakroom-wrapped$sha1,salt-last$c2Fsd?" + outer,
		"padding":          "$cloakroom-wrapped$sha1,salt-last$c2FsdA==" + outer,
		"a field more":     "$cloakroom-wrapped$sha1,salt-last$c2FsdA$" + outer,
		"an absurd hash":   "$cloakroom-wrapped$sha1,salt-last$c2FsdA" + strings.Replace(outer, "m=1024", "m=4000000", 1),
		"argon2i":          "$cloakroom-wrapped$sha1,salt-last$c2FsdA" + vectors["S104 argon2i"],
		"wrapped in vain":  "$cloakroom-wrapped$sha1,salt-last$c2FsdA" + "$cloakroom-wrapped$sha1,salt-last$c2FsdA" + outer,
		"something before": "x$cloakroom-wrapped$sha1,salt-last$c2FsdA" + outer,
	} {
		if _, err := Parse(s); err != ErrUnknown {
			t.Errorf("%s: Parse = %v, want ErrUnknown", name, err)
		}
	}
}

// FuzzParseFast: what is read can be kept and read again, and never as it came.
func FuzzParseFast(f *testing.F) {
	for _, s := range fastVectors {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fast, err := ParseFast(s)
		if err != nil {
			return
		}
		if _, err := Parse(s); err == nil {
			t.Errorf("%q is both fast and slow", s)
		}
		if _, err := Parse(fast.Wrapped(outer)); err != nil {
			t.Errorf("%q cannot be read once it is wrapped: %s", s, fast.Wrapped(outer))
		}
	})
}
