package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// imports are hashes of the password "motör-head 1", unless told otherwise. See internal/legacyhash for how they were made.
var imports = map[string]struct{ hash, password string }{
	"bcrypt":          {hash: "$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa"},
	"bcrypt-2y":       {hash: "$2y$05$1.YUvURP67afZBMUIazwe.1OluoU4Pjb6RpAHdkUZ1vnSjlzUEcDi"},
	"wordpress":       {hash: "$wp$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.3IS4.fjO02eP8YbhkfzLRUFRcwSqtrG"},
	"bcrypt-django":   {hash: "bcrypt_sha256$$2b$05$Q9wXk3vQ8sP0aLmZ7tYb1.w83EZFSQGCy8BwYCvQ.Tz3yZK6u8fbe"},
	"bcrypt-crypt":    {hash: "{CRYPT}$2y$05$Q9wXk3vQ8sP0aLmZ7tYb1.BYw4isQQsEV4YNAJosZuOWrrN1BCoOa"},
	"scrypt-django":   {hash: "scrypt$1024$Xk3vQ8sP0aLm$8$1$Ko1kLXSLCB6pYqe+8/YRVbqEWmpkqNH3QhQfh/4X0meXJt1D+ZcNOPI+eCtTQCcflUxuJ8Rf+KVzgvOoE79AqA=="},
	"werkzeug-pbkdf2": {hash: "pbkdf2:sha256:1500$QbSx9TqZ1mWv4cRe$61bbadc3b01e651d805c5a32ba8e530c953b2af7ad6c1fc60da911081bccfe5c"},
	"passlib-sha1":    {hash: "$pbkdf2$1500$8PHy8/T19vf4.fr7/P3./w$0td5P4xsenE9ylGaz171AncgEyY"},
	"phpass":          {hash: "$P$BQ8sP0aLm2z1kmws8IrGY/UiQfQxzn1"},
	"phpbb":           {hash: "$H$7Xk3vQ8sP8WHh72wd9rTZa7Jh4gsHv0"},
	"argon2i":         {hash: "$argon2i$v=19$m=1024,t=3,p=1$WGszdlE4c1AwYUxt$boEVeKUrJksnvXL28jP3oKkrlUVEUb3GK1bWINW89j8"},
	"argon2id":        {hash: "$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI"},
	"django-argon2":   {hash: "argon2$argon2id$v=19$m=1024,t=2,p=2$WGszdlE4c1AwYUxt$0ywmQIMVQU7rKS61Bu2T2mZDZSkIfFkSTLdX8gn0ESI"},
	"scrypt":          {hash: "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$3SCYf/uOyIf0FjwJARw3YrG2IAOEk3igdLhTBXPT68M"},
	"werkzeug":        {hash: "scrypt:1024:8:1$QbSx9TqZ1mWv4cRe$9dedb3e1d37791513fc7d7a55ab4a888b8e805da1cd42923123079ce8dd3db136a8fc523458789e489a73e24c4b36171d623f0f2c98329260a6ed12823d07141"},
	"firebase":        {hash: "$firebase-scrypt$hash=+jEmSUy+oM+fAXWaRp0mv4qC/QWFCR4osyHvBbszHrvC5elyhWefu6FZcJxhTU4mAL/R6Xvp01rB13zcF7PfvA==$salt=c2FsdHNhbHQ=$sk=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==$ss=Bw==$r=8$m=10"},
	"django-sha256":   {hash: "pbkdf2_sha256$1200$Xk3vQ8sP0aLm$ntleFhBL2c7bMdUXUeFHpcQ3q4jgmZ+Vx1zCvGxc81w="},
	"django-sha1":     {hash: "pbkdf2_sha1$1200$Xk3vQ8sP0aLm$M1k+0L9Oq1Z4sGQCGzL0ov/p9u4="},
	"passlib-sha256":  {hash: "$pbkdf2-sha256$1500$8PHy8/T19vf4.fr7/P3./w$uFVUd8x7ZLx0zzw2tuFd/wXn8fKb8fYsT.RvWjeeuRk"},
	"keycloak-sha256": {hash: "$keycloak-pbkdf2-sha256$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$YpWwemYfvERxpxZMNtfcu4ahMbSc26JRJZmo/sOKLho="},
	"keycloak-sha512": {hash: "$keycloak-pbkdf2-sha512$1500$MDEyMzQ1Njc4OTo7PD0+Pw==$sfd5aIZh8av0IIwJMddxgHjNWfuM6gFKAS4h8wUqPRdnEOKND2c4K9LxQ+2/Dt8PYLdwHSFkYwq3vXQdHprseQ=="},
	"aspnet-2":        {hash: "AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggHIVY0sdEUfdyeM+E1LtH1uJg==", password: "my password"},
	"aspnet-3":        {hash: "AQAAAAIAAAXcAAAAEKChoqOkpaanqKmqq6ytrq8bFWJ62mrMRc88sQb6GliEqZ7xEc1/8DMG2Bn2SVlF0g=="},
	"md5":             {hash: "1650817a34c4e26bddac1a63b6d35a08"},
	"sha1":            {hash: "c618d7131c92aa7b46e5da1410f0aac4e85cc20e"},
	"sha512":          {hash: "36fc9b1749fef9df23e3c9d5a3c46cba7212b4c32b1d3d41f5df710850a763d92f4da36d606f572204ec6a1ab3647e47008f00023287d9fbbaab63d8bdad6b8e"},
	"django-salted":   {hash: "sha256$Xk3vQ8sP$1cbd919475af82f8d30053601401e5969d6caebf1c36bf2b37bc1ce8bc7b48f1"},
	"ssha":            {hash: "{SSHA}wUVpS/oOrIkrg5kLXMpoEicY+NgBc2FsdP8Aeg=="},
	"ssha256":         {hash: "{SSHA256}QBEgHVzcp8D2iYo+yMAq5ihhIWScdlJ3udEQKFg9HVkBc2FsdP8Aeg=="},
}

func TestImportedSignIn(t *testing.T) {
	dir := t.TempDir()
	_, at := live(t, dir, "serve", "--set", "limits.login=off")
	var list strings.Builder
	for name, v := range imports {
		fmt.Fprintf(&list, "{\"email\":\"%s@example.com\",\"password_hash\":%q}\n", name, v.hash)
	}
	out, code := command(t, dir, list.String(), "user", "import", "-", "--format", "ndjson", "--json")
	if want := fmt.Sprintf(`"created":%d,"present":0,"refused":0}`, len(imports)); code != 0 || !strings.Contains(out, want) {
		t.Fatalf("exit code %d, %s", code, out)
	}
	for name, v := range imports {
		t.Run("S104 "+name, func(t *testing.T) {
			password := v.password
			if password == "" {
				password = "motör-head 1"
			}
			body := func(password string) string {
				return fmt.Sprintf(`{"email":"%s@example.com","password":%q}`, name, password)
			}
			if got := post(t, at, "/auth/login", body(password+"!")); got != 401 {
				t.Errorf("a wrong password: %d", got)
			}
			for range 2 { // by the old hash, and by the one that has taken its place
				if got := post(t, at, "/auth/login", body(password)); got != 200 {
					t.Errorf("the right password: %d", got)
				}
			}
		})
	}
	out, _ = command(t, dir, "", "user", "export", "--with-hashes")
	if n := strings.Count(out, `"password_hash":"$argon2id$v=19$m=19456,`); n != len(imports) {
		t.Errorf("after everybody has signed in, %d of %d have a hash of ours", n, len(imports))
	}
}

// TestImportIsInterrupted ends an import of fast hashes, each of which takes a while, in its midst, and begins it again.
func TestImportIsInterrupted(t *testing.T) {
	const all = 120
	program, err := exec.LookPath("cloakroom")
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			list := filepath.Join(dir, "list.ndjson")
			var lines strings.Builder
			for n := range all {
				fmt.Fprintf(&lines, "{\"external_id\":\"%d\",\"email\":\"u%d@example.com\",\"password_hash\":\"%040x\"}\n", n, n, n)
			}
			if err := os.WriteFile(list, []byte(lines.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, code := command(t, dir, "", "migrate", "up"); code != 0 {
				t.Fatal("no database")
			}
			var said bytes.Buffer
			cmd := exec.Command(program, "user", "import", list, "--data", filepath.Join(dir, "cloakroom-data"))
			cmd.Env, cmd.Stderr = []string{}, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			until(t, "some are there", func() bool { return accounts(t, dir) >= 5 })
			_ = cmd.Process.Signal(signal)
			if err := cmd.Wait(); err == nil {
				t.Fatal("it came to its end: the test tests nothing")
			}
			if signal == syscall.SIGINT && !strings.Contains(said.String(), "cloakroom: interrupted\nhint: run the same command again") {
				t.Errorf("it said %s", &said)
			}
			before := accounts(t, dir)
			out, code := command(t, dir, "", "user", "import", list, "--json")
			var done importedJSON
			if err := json.Unmarshal([]byte(out), &done); err != nil || code != 0 {
				t.Fatalf("exit code %d, %s", code, out)
			}
			if done.Present != before || done.Created != all-before || accounts(t, dir) != all {
				t.Errorf("of %d, %d were there: %s", all, before, out)
			}
			t.Logf("%d were there when it ended", before)
		})
	}
}

func accounts(t *testing.T, dir string) int {
	t.Helper()
	out, _ := command(t, dir, "", "user", "list", "--json")
	return strings.Count(out, "\n")
}
