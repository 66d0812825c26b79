package legacyhash

import (
	"strings"
	"testing"
)

// Made by programs that share no code with ours, all of the password "motör-head 1" in UTF-8:
//
//	python3: hashlib.pbkdf2_hmac, hashlib.scrypt and base64, put together as Django, Passlib and Werkzeug do
//	python3: crypt.crypt (libxcrypt) for bcrypt; htpasswd -nbB -C 5 (Apache) for the last one
var vectors = map[string]string{
	"S104 pbkdf2 of Django":          "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
	"S104 pbkdf2-sha256 of Passlib":  "$pbkdf2-sha256$1500$8PHy8/T19vf4.fr7/P3./w$uFVUd8x7ZLx0zzw2tuFd/wXn8fKb8fYsT.RvWjeeuRk",
	"S104 pbkdf2-sha512 of Passlib":  "$pbkdf2-sha512$1500$8PHy8/T19vf4.fr7/P3./w$H1YuzEe3KbD.VJdhrZ2VaR8w5jvYLTFcYFTbps79.zb.EoX0AGTh170iIKUoXGEe3kWbKYQfQ11dP9ity9Ls1g",
	"S104 scrypt of Passlib":         "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M",
	"S104 scrypt of Werkzeug":        "scrypt:1024:8:1$QbSx9TqZ1mWv4cRe$9dedb3e1d37791513fc7d7a55ab4a888b8e805da1cd42923123079ce8dd3db136a8fc523458789e489a73e24c4b36171d623f0f2c98329260a6ed12823d07141",
	"S104 bcrypt 2a of libxcrypt":    "$2a$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2b of libxcrypt":    "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2y of libxcrypt":    "$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2y of Apache httpd": "$2y$05$1.YUvURP67afZBMUIazwe.1OluoU4Pjb6RpAHdkUZ1vnSjlzUEcDi",
}

const password = "motör-head 1"

func TestVectors(t *testing.T) {
	for name, s := range vectors {
		t.Run(name, func(t *testing.T) {
			h, err := Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			if !h.Matches([]byte(password)) {
				t.Error("the right password does not match")
			}
			for _, wrong := range []string{"", "motör-head 2", "Motör-head 1", "motör-head 1 ", "mot\xf6r-head 1"} {
				if h.Matches([]byte(wrong)) {
					t.Errorf("%q matches", wrong)
				}
			}
		})
	}
}

// Made by python3 crypt.crypt of "0123456789" eight times, 80 bytes.
const bcryptOf80 = "$2b$04$Q9wXk3vQ8sP0aLmZ7tYb1.SsweJ3KVurZL17gAE5gQCiRPCR4/h5G"

func TestBcryptSees72Bytes(t *testing.T) {
	h, err := Parse(bcryptOf80)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("0123456789", 8)
	for secret, want := range map[string]bool{
		long:                         true,
		long[:72]:                    true, // what the origin could not tell from it, we cannot either
		long[:72] + "another ending": true,
		long[:71]:                    false,
		"x" + long[1:]:               false,
	} {
		if got := h.Matches([]byte(secret)); got != want {
			t.Errorf("Matches(%q) = %v, want %v", secret, got, want)
		}
	}
}

func TestMemory(t *testing.T) {
	for s, want := range map[string]int{
		vectors["S104 scrypt of Passlib"]:                                          1024, // 128·N·r bytes
		"$scrypt$ln=16,r=8,p=1$8PHy8w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M": 64 * 1024,
		vectors["S104 pbkdf2 of Django"]:                                           1,
	} {
		h, err := Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		if h.Memory() != want {
			t.Errorf("%s: %d KiB, want %d", s, h.Memory(), want)
		}
	}
}

func TestRefused(t *testing.T) {
	const sum = "3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M"
	for name, s := range map[string]string{
		"empty":                  "",
		"plain text":             "motör-head 1",
		"argon2id is not legacy": "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$kIVUNfBRZSjHPV8+5H+3slHl59dBgU4E",
		"bcrypt 2x":              "$2x$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt cost 31":         "$2b$31$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt cost 16":         "$2b$16$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt cost 03":         "$2b$03$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt cost 0:":         "$2b$0:$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt no dollar":       "$2b$05xQ9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt truncated":       "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoO",
		"bcrypt with a tail":     "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOaa",
		"bcrypt letters":         "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZu+WrrN1BCoOa",
		"scrypt 2 GiB":           "$scrypt$ln=21,r=8,p=1$8PHy8w$" + sum,
		"scrypt ln 63":           "$scrypt$ln=63,r=8,p=1$8PHy8w$" + sum,
		"scrypt r":               "$scrypt$ln=10,r=1025,p=1$8PHy8w$" + sum,
		"scrypt p":               "$scrypt$ln=17,r=8,p=64$8PHy8w$" + sum,
		"scrypt leading zero":    "$scrypt$ln=010,r=8,p=1$8PHy8w$" + sum,
		"scrypt order":           "$scrypt$r=8,ln=10,p=1$8PHy8w$" + sum,
		"scrypt line break":      "$scrypt$ln=10,r=8,p=1$8PHy\n8w$" + sum,
		"scrypt short sum":       "$scrypt$ln=10,r=8,p=1$8PHy8w$3SCYfw",
		"scrypt no sum":          "$scrypt$ln=10,r=8,p=1$8PHy8w$",
		"werkzeug not 2ⁿ":        "scrypt:1000:8:1$salt$" + strings.Repeat("ab", 64),
		"werkzeug N 1":           "scrypt:1:8:1$salt$" + strings.Repeat("ab", 64),
		"werkzeug capitals":      "scrypt:1024:8:1$salt$" + strings.Repeat("AB", 64),
		"django sum of 31":       "pbkdf2_sha256$1200$salt$" + strings.Repeat("AAAA", 10) + "AA==",
		"django no rounds":       "pbkdf2_sha256$0$salt$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
		"django 2³¹ rounds":      "pbkdf2_sha256$2147483648$salt$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
		"django no salt":         "pbkdf2_sha256$1200$$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
		"django padding":         "pbkdf2_sha256$1200$salt$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w",
		"passlib with a plus":    "$pbkdf2-sha256$1500$8PHy8/T19vf4+fr7/P3./w$uFVUd8x7ZLx0zzw2tuFd/wXn8fKb8fYsT.RvWjeeuRk",
		"passlib sum of sha256":  "$pbkdf2-sha512$1500$8PHy8w$uFVUd8x7ZLx0zzw2tuFd/wXn8fKb8fYsT.RvWjeeuRk",
		"too long":               "pbkdf2_sha256$1200$" + strings.Repeat("s", 600) + "$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(s); err != ErrUnknown {
				t.Errorf("Parse = %v, want ErrUnknown", err)
			}
		})
	}
}

// FuzzParse: whatever a row holds, reading it neither panics nor leads to more memory than the bound.
func FuzzParse(f *testing.F) {
	for _, s := range vectors {
		f.Add(s)
	}
	f.Add(bcryptOf80)
	f.Fuzz(func(t *testing.T, s string) {
		h, err := Parse(s)
		if err != nil {
			return
		}
		if h.Memory() < 1 || h.Memory() > scryptMemory {
			t.Errorf("%q wants %d KiB", s, h.Memory())
		}
	})
}
