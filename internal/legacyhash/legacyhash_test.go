package legacyhash

import (
	"strings"
	"testing"
)

// Made by programs that share no code with ours, all of the password "motör-head 1" in UTF-8:
//
//	python3: hashlib.pbkdf2_hmac, hashlib.scrypt and base64, put together as Django, Passlib and Werkzeug do
//	python3: crypt.crypt (libxcrypt) for bcrypt; htpasswd -nbB -C 5 (Apache) for the last one
//	python3: hmac and crypt.crypt for WordPress; hashlib.sha256 and crypt.crypt for Django's bcrypt_sha256
//	python3: hashlib.md5 in a loop for phpass
//	python3: hashlib.scrypt for the key, openssl enc -aes-256-ctr for the hash of Firebase
//	python3: hashlib.pbkdf2_hmac, base64 and struct for Keycloak and ASP.NET
//	argon2 -e (the reference implementation's program) for argon2i and argon2id
var vectors = map[string]string{
	"S104 pbkdf2 of Django":          "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
	"S104 bcrypt of Django":          "bcrypt$$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt sha256 of Django":   "bcrypt_sha256$$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.w83EZFSQGCy8BwYCvQ.Tz3yZK6u8fbe",
	"S104 bcrypt of Spring":          "{bcrypt}$2a$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt of LDAP":            "{CRYPT}$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt of Dovecot":         "{BLF-CRYPT}$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 scrypt of Django":          "scrypt$1024$Xk3vQ8sP0aLm$8$1$Ko1kLXSLCB6pYqe+8/YRVbqEWmpkqNH3QhQfh/4X0meXJt1D+ZcNOPI+eCtTQCcflUxuJ8Rf+KVzgvOoE79AqA==",
	"S104 pbkdf2 sha256 of Werkzeug": "pbkdf2:sha256:1500$QbSx9TqZ1mWv4cRe$61bbadc3b01e651d805c5a32ba8e530c953b2af7ad6c1fc60da911081bccfe5c",
	"S104 pbkdf2 sha1 of Werkzeug":   "pbkdf2:sha1:1500$QbSx9TqZ1mWv4cRe$9de0cf1e979a797e02ddb910dc9b167cc37d1c37",
	"S104 pbkdf2 sha512 of Werkzeug": "pbkdf2:sha512:1500$QbSx9TqZ1mWv4cRe$7d6c9add59b7ca19c07bc3f99004bcf921662f4361e4163c7c3ede2c61f631553dea9842929cd4b876cabc389684fea34db4bcf686834867de22d114ac9161db",
	"S104 pbkdf2 sha1 of Passlib":    "$pbkdf2$1500$8PHy8/T19vf4.fr7/P3./w$0td5P4xsenE9ylGaz171AncgEyY",
	"S104 pbkdf2-sha256 of Passlib":  "$pbkdf2-sha256$1500$8PHy8/T19vf4.fr7/P3./w$uFVUd8x7ZLx0zzw2tuFd/wXn8fKb8fYsT.RvWjeeuRk",
	"S104 pbkdf2-sha512 of Passlib":  "$pbkdf2-sha512$1500$8PHy8/T19vf4.fr7/P3./w$H1YuzEe3KbD.VJdhrZ2VaR8w5jvYLTFcYFTbps79.zb.EoX0AGTh170iIKUoXGEe3kWbKYQfQ11dP9ity9Ls1g",
	"S104 scrypt of Passlib":         "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M",
	"S104 scrypt of Werkzeug":        "scrypt:1024:8:1$QbSx9TqZ1mWv4cRe$9dedb3e1d37791513fc7d7a55ab4a888b8e805da1cd42923123079ce8dd3db136a8fc523458789e489a73e24c4b36171d623f0f2c98329260a6ed12823d07141",
	"S104 bcrypt 2a of libxcrypt":    "$2a$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2b of libxcrypt":    "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2y of libxcrypt":    "$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
	"S104 bcrypt 2y of Apache httpd": "$2y$05$1.YUvURP67afZBMUIazwe.1OluoU4Pjb6RpAHdkUZ1vnSjlzUEcDi",
	"S104 pbkdf2 sha1 of Django":     "pbkdf2_sha1$1200$Xk3vQ8sP0aLm$M1k+0L9Oq1Z4sGQCGzL0ov/p9u4=",
	"S104 bcrypt of WordPress":       "$wp$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.3IS4.fjO02eP8YbhkfzLRUFRcwSqtrG",
	"S104 phpass":                    "$P$BQ8sP0aLm2z1kmws8IrGY/UiQfQxzn1",
	"S104 phpass of phpBB":           "$H$7Xk3vQ8sP8WHh72wd9rTZa7Jh4gsHv0",
	"S104 argon2i":                   "$argon2i$v=19$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8",
	"S104 argon2i, two lanes":        "$argon2i$v=19$m=2048,t=4,p=2$WGszdlE4c1AwYUxt$JKvBKtxLox/zk3dRMas9sNK7+38a7iLCPiyJ1/TeLjU",
	"S104 argon2i of Django":         "argon2$argon2i$v=19$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8",
	"S104 argon2id of Django":        "argon2$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI",
	"S104 Firebase":                  "$firebase-scrypt$hash=+jEmSUy+oM+fAXWaRp0mv4qC/QWFCR4osyHvBbszHrvC5elyhWefu6FZcJxhTU4mAL/R6Xvp01rB13zcF7PfvA==$salt=c2FsdHNhbHQ=$sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$ss=Bw==$r=8$m=10",
	"S104 Keycloak sha1":             "$keycloak-pbkdf2$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$m1C0XQrhjwrAWeNybxZq76yjLg6ifWBsJ5bhZ48zH3O5yDxm0AZJ06SlPy6coO2xaiVV9f6v+kUQlGvrQBND8g==",
	"S104 Keycloak sha256, 64 bytes": "$keycloak-pbkdf2-sha256$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLhrCboZdvPINsuypJBVlENNKPpldh4/vueqwt+eafWodww==",
	"S104 Keycloak sha256, 32 bytes": "$keycloak-pbkdf2-sha256$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLho=",
	"S104 Keycloak sha512":           "$keycloak-pbkdf2-sha512$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$sfd5aIZh8av0IIwJMddxgHjNWfuM6gFKAS4h8wUqPRdnEOKND2c4K9LxQ+2/Dt8PYLdwHSFkYwq3vXQdHprseQ==",
	"S104 ASP.NET 2":                 "AKChoqOkpaanqKmqq6ytrq/ahgvP/x0UmHFBbE2hfUU2noX2laXEl80ATqXpIhYcAA==",
	"S104 ASP.NET 3 sha1":            "AQAAAAAAAAXcAAAAEKChoqOkpaanqKmqq6ytrq+/xZp5YtSOoufFJfWOdOkYrMAUgQ==",
	"S104 ASP.NET 3 sha256":          "AQAAAAEAAAXcAAAAEKChoqOkpaanqKmqq6ytrq8KmIDiJKGhFbF5Er8UcxbWKGSG74EaLVvmIwClw/SuiA==",
	"S104 ASP.NET 3 sha512":          "AQAAAAIAAAXcAAAAEKChoqOkpaanqKmqq6ytrq8bFWJ62mrMRc88sQb6GliEqZ7xEc1/8DMG2Bn2SVlF0g==",
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
				if strings.HasPrefix(s, "$wp$") && strings.TrimSpace(wrong) == password {
					continue // WordPress means it so
				}
				if h.Matches([]byte(wrong)) {
					t.Errorf("%q matches", wrong)
				}
			}
		})
	}
}

// Made by python3 crypt.crypt of "0123456789" eight times, 80 bytes.
const bcryptOf80 = "$2b$04$Q9wXk3vQ8sP0aLmZ7tYb1.SsweJ3KVurZL17gAE5gQCiRPCR4/h5G"

// Made and published by the systems themselves.
func TestPublished(t *testing.T) {
	for name, c := range map[string]struct{ password, hash string }{
		"phpass's own test":      {"test12345", "$P$9IQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0"},
		"Django's tests, sha1":   {"lètmein", "pbkdf2_sha1$260000$seasalt2$wAibXvW6jgvatCdONi6SMJ6q7mI="},
		"Django's tests, sha256": {"lètmein", "pbkdf2_sha256$260000$seasalt2$UCGMhrOoaq1ghQPArIBK5RkI6IZLRxlIwHWA1dMy7y8="},
		"ASP.NET's tests, 2":     {"my password", "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg=="},
		"ASP.NET's tests, 3":     {"my password", "AQAAAAEAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw=="},
		"ASP.NET's tests, short": {"my password", "AQAAAAAAAAD6AAAAEAhftMyfTJylOlZT+eEotFXd1elee8ih5WsjXaR3PA9M"},
		"Passlib's manual":       {"password", "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M"},
		"Firebase's manual":      {"user1password", firebaseManual},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := Parse(c.hash)
			if err != nil || !h.Matches([]byte(c.password)) || h.Matches([]byte(c.password+"x")) {
				t.Errorf("Parse = %v, or the wrong password matches", err)
			}
		})
	}
}

func TestUnusable(t *testing.T) {
	for s, want := range map[string]bool{
		"!": true, "!Xk3vQ8sP0aLmXk3vQ8sP0aLmXk3vQ8sP0aLm1234": true,
		"": false, "Xk3v": false, "!$2b$05$": false, "!Xk3v Q8": false, "!" + strings.Repeat("x", 41): false,
	} {
		if got := Unusable(s); got != want {
			t.Errorf("Unusable(%q) = %v", s, got)
		}
	}
}

func TestWordPressTrims(t *testing.T) {
	h, err := Parse(vectors["S104 bcrypt of WordPress"])
	if err != nil || !h.Matches([]byte(" \t\n"+password+"\x00\v\r ")) || h.Matches([]byte(password+"\f")) {
		t.Errorf("%v, or not what PHP's trim takes off", err)
	}
}

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
		vectors["S104 argon2i, two lanes"]:                                         2048,
		vectors["S104 Firebase"]:                                                   1024,
		firebaseManual:                                                             16 * 1024,
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
		"an unsalted MD5":        "1650817a34c4e26bddac1a63b6d35a08",
		"a salted SHA-1":         "{SSHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg==",
		"argon2d":                "$argon2d$v=19$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$wOKPPCuWFN/HK8NZa8Y3keyAF803E8dvk2vSN0pE4xQ",
		"argon2i 512 MiB":        "$argon2i$v=19$m=524288,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8",
		"argon2i 1,000 passes":   "$argon2i$v=19$m=102400,t=1000,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8",
		"argon2i of old":         "$argon2i$v=16$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8",
		"WordPress cost 16":      "$wp$2y$16$Q9wXk3vQ8sP0aLmZ7tYb1.3IS4.fjO02eP8YbhkfzLRUFRcwSqtrG",
		"WordPress twice":        "$wp$wp$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.3IS4.fjO02eP8YbhkfzLRUFRcwSqtrG",
		"phpass 2²² rounds":      "$P$KQ8sP0aLm2z1kmws8IrGY/UiQfQxzn1",
		"phpass 2⁶ rounds":       "$P$4Q8sP0aLm2z1kmws8IrGY/UiQfQxzn1",
		"phpass another ending":  "$P$BQ8sP0aLm2z1kmws8IrGY/UiQfQxzn5",
		"phpass truncated":       "$P$BQ8sP0aLm2z1kmws8IrGY/UiQfQxzn",
		"phpass letters":         "$P$BQ8sP0aLm2z1kmws8IrGY+UiQfQxzn1",
		"Firebase 2 GiB":         strings.Replace(firebaseManual, "m=14", "m=21", 1),
		"Firebase 2²⁰ r":         strings.Replace(firebaseManual, "r=8", "r=1048576", 1),
		"Firebase m=0":           strings.Replace(firebaseManual, "m=14", "m=0", 1),
		"Firebase without a key": strings.Replace(firebaseManual, "$sk=", "$ks=", 1),
		"Firebase another key":   strings.Replace(firebaseManual, "$sk=jxsp", "$sk=", 1),
		"Keycloak 3,000,000":     "$keycloak-pbkdf2-sha512$3000000$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLhrCboZdvPINsuypJBVlENNKPpldh4/vueqwt+eafWodww==",
		"Keycloak by blocks":     "$keycloak-pbkdf2$2000000$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLhrCboZdvPINsuypJBVlENNKPpldh4/vueqwt+eafWodww==",
		"Keycloak sum of 66":     "$keycloak-pbkdf2-sha512$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$" + strings.Repeat("AAAA", 22),
		"Keycloak sum of 12":     "$keycloak-pbkdf2-sha512$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$" + strings.Repeat("AAAA", 4),
		"ASP.NET empty":          "AA==",
		"ASP.NET version 4":      "BAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==",
		"ASP.NET 2 truncated":    "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH0=",
		"ASP.NET 3 head only":    "AQAAAAEAACcQAAAAEA==",
		"ASP.NET 3 2³² rounds":   "AQAAAAH/////AAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
		"ASP.NET 3 no rounds":    "AQAAAAEAAAAAAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
		"ASP.NET 3 2³² of salt":  "AQAAAAEAACcQ/////wABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
		"ASP.NET 3 digest 3":     "AQAAAAMAACcQAAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==",
		"a line break in a salt": "pbkdf2_sha256$1200$sa\nlt$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w=",
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
		"bcrypt of another name": "{MD5}$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt without a brace": "{CRYPT$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"crypt(3) of SHA-512":    "{CRYPT}$6$Q9wXk3vQ8sP0aLmZ$BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt twice named":     "{CRYPT}{CRYPT}$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa",
		"bcrypt_sha256 cost 16":  "bcrypt_sha256$$2b$16$Q9wXk3vQ8sP0aLmZ7tYb1.w83EZFSQGCy8BwYCvQ.Tz3yZK6u8fbe",
		"django scrypt 2 GiB":    "scrypt$2097152$salt$8$1$" + strings.Repeat("AAAA", 8),
		"django scrypt no salt":  "scrypt$1024$$8$1$" + strings.Repeat("AAAA", 8),
		"werkzeug of MD5":        "pbkdf2:md5:1500$QbSx9TqZ1mWv4cRe$" + strings.Repeat("ab", 16),
		"werkzeug no rounds":     "pbkdf2:sha256$QbSx9TqZ1mWv4cRe$61bbadc3b01e651d805c5a32ba8e530c953b2af7ad6c1fc60da911081bccfe5c",
		"werkzeug 3,000,000":     "pbkdf2:sha256:3000000$QbSx9TqZ1mWv4cRe$61bbadc3b01e651d805c5a32ba8e530c953b2af7ad6c1fc60da911081bccfe5c",
		"an unusable one":        "!Xk3vQ8sP0aLmXk3vQ8sP0aLmXk3vQ8sP0aLm1234",
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
	f.Add(firebaseManual)
	f.Add(recipe{digest: "sha1", salt: "salt", last: true}.String() + outer)
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
