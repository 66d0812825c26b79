package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// The three headers of Standard Webhooks, "Webhook headers".
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// version marks a symmetric signature: HMAC-SHA-256.
const version = "v1,"

// maxID is the greatest length of the id of a message in bytes.
const maxID = 128

// Sign returns the value of webhook-signature: one signature for each secret, so that a receiver which still, or already,
// holds any one of them is content while a secret is being replaced. It is "" when there is no secret to sign with. The
// time is that of the attempt, in whole seconds. The id stays the same over all attempts; it must not have a full stop,
// for the signed text is divided by them.
func Sign(secrets []Secret, id string, at time.Time, body []byte) string {
	return strings.Join(signatures(secrets, id, strconv.FormatInt(at.Unix(), 10), body), " ")
}

func signatures(secrets []Secret, id, timestamp string, body []byte) []string {
	var all []string
	for _, s := range secrets {
		if s.IsZero() {
			continue // an empty key would be a key that everybody has
		}
		mac := hmac.New(sha256.New, s.key)
		mac.Write([]byte(id + "." + timestamp + "."))
		mac.Write(body)
		all = append(all, version+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return all
}

// validID accepts 1 to 128 visible ASCII characters without a full stop.
func validID(id string) bool {
	strange := func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }
	return id != "" && len(id) <= maxID && !strings.ContainsFunc(id, strange)
}
