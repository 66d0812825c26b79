package legacyhash

import "testing"

func TestKeycloak(t *testing.T) {
	const pbkdf2 = `{"hashIterations":1500,"algorithm":"pbkdf2-sha256","additionalParameters":{}}`
	const secret = `{"value":"YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLho=","salt":"MDEyMzQ1Njc4OTo7PD0+Pw==","additionalParameters":{}}`
	const argon = `{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"hashLength":["32"],"memory":["1024"],"type":["id"],"version":["1.3"],"parallelism":["2"]}}`
	const argonSecret = `{"value":"0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI=","salt":"WGszdlE4c1AwYUxt","additionalParameters":{}}`
	for name, c := range map[string]struct{ how, what, text string }{
		"pbkdf2": {pbkdf2, secret, vectors["S104 Keycloak sha256, 32 bytes"]},
		"argon2": {argon, argonSecret, "$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI"},

		"no JSON":            {"pbkdf2-sha256", secret, ""},
		"no secret":          {pbkdf2, `{}`, ""},
		"another algorithm":  {`{"hashIterations":1500,"algorithm":"pbkdf2-md5"}`, secret, ""},
		"a trick":            {`{"hashIterations":1500,"algorithm":"x$y$z"}`, secret, ""},
		"too many rounds":    {`{"hashIterations":100000000,"algorithm":"pbkdf2-sha256"}`, secret, ""},
		"argon2, no version": {`{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"memory":["1024"],"type":["id"],"parallelism":["2"]}}`, argonSecret, ""},
		"argon2 of 1 GiB":    {`{"hashIterations":2,"algorithm":"argon2","additionalParameters":{"version":["1.3"],"memory":["1048576"],"type":["id"],"parallelism":["2"]}}`, argonSecret, ""},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := Keycloak(c.how, c.what)
			if text != c.text || (err == nil) != (c.text != "") || err != nil && err != ErrUnknown {
				t.Errorf("Keycloak = %q, %v; want %q", text, err, c.text)
			}
		})
	}
}
