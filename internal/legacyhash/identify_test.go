package legacyhash

import (
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	for text, want := range map[string][2]string{
		outer:                                    {"argon2id", Slow},
		vectors["S104 argon2i"]:                  {"argon2i", Slow},
		vectors["S104 argon2id of Django"]:       {"django-argon2", Slow},
		vectors["S104 bcrypt 2a of libxcrypt"]:   {"bcrypt", Slow},
		vectors["S104 bcrypt of LDAP"]:           {"bcrypt", Slow},
		vectors["S104 bcrypt sha256 of Django"]:  {"django-bcrypt-sha256", Slow},
		vectors["S104 scrypt of Django"]:         {"django-scrypt", Slow},
		vectors["S104 pbkdf2 sha1 of Werkzeug"]:  {"werkzeug-pbkdf2", Slow},
		vectors["S104 bcrypt of WordPress"]:      {"wordpress", Slow},
		vectors["S104 phpass of phpBB"]:          {"phpass", Slow},
		vectors["S104 scrypt of Passlib"]:        {"scrypt", Slow},
		vectors["S104 scrypt of Werkzeug"]:       {"werkzeug-scrypt", Slow},
		firebaseManual:                           {"firebase-scrypt", Slow},
		vectors["S104 pbkdf2 sha1 of Django"]:    {"django-pbkdf2", Slow},
		vectors["S104 pbkdf2-sha512 of Passlib"]: {"pbkdf2", Slow},
		vectors["S104 Keycloak sha512"]:          {"keycloak-pbkdf2", Slow},
		vectors["S104 ASP.NET 2"]:                {"aspnet-identity", Slow},
		vectors["S104 ASP.NET 3 sha512"]:         {"aspnet-identity", Slow},
		wrap(t, fastVectors["md5"]):              {"cloakroom-wrapped", Slow},
	} {
		kind, strength, ok := Identify(text)
		if !ok || kind != want[0] || strength != want[1] {
			t.Errorf("Identify(%s) = %s, %s, %v; want %v", text, kind, strength, ok, want)
		}
	}
	for name, text := range fastVectors {
		want, _, _ := strings.Cut(name, " ")
		want = strings.TrimSuffix(want, ",")
		if kind, strength, ok := Identify(text); !ok || kind != want || strength != Fast {
			t.Errorf("%s: Identify = %s, %s, %v; want %s, %s", name, kind, strength, ok, want, Fast)
		}
	}
	for _, text := range []string{"", "motör-head 1", "$2b$31$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa", outer + "\n"} {
		if kind, strength, ok := Identify(text); ok || kind != "" || strength != "" {
			t.Errorf("Identify(%q) = %s, %s, %v", text, kind, strength, ok)
		}
	}
}
