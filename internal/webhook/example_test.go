package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/cloakroom-auth/cloakroom/internal/webhook"
)

func ExampleSender_Send() {
	secret := webhook.NewSecret()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
		if err := webhook.Verify([]webhook.Secret{secret}, r.Header, body, time.Now(), webhook.Tolerance); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Printf("%s: %s\n", r.Header.Get("webhook-id"), body)
	}))
	defer receiver.Close()

	sender := &webhook.Sender{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}} // in development only
	d := webhook.Delivery{URL: receiver.URL, Secrets: []webhook.Secret{secret}, ID: "evt_1", Body: []byte(`{"type":"user.created"}`)}
	fmt.Println(sender.Send(context.Background(), d))

	d.Secrets = []webhook.Secret{webhook.NewSecret()}
	err := sender.Send(context.Background(), d)
	if refusal, ok := errors.AsType[*webhook.Refusal](err); ok {
		fmt.Println(refusal.Status, refusal.Permanent)
	}
	// Output:
	// evt_1: {"type":"user.created"}
	// <nil>
	// 401 false
}

func ExampleCheckURL() {
	fmt.Println(webhook.CheckURL("https://example.com/hook", nil))
	fmt.Println(webhook.CheckURL("https://169.254.169.254/latest/meta-data", nil))
	fmt.Println(webhook.CheckURL("http://localhost:3000", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}))
	// Output:
	// <nil>
	// forbidden webhook target: 169.254.169.254 is link-local (RFC 3927)
	// <nil>
}

func ExampleSign() {
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(secret)
	fmt.Println(webhook.Sign([]webhook.Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
	// Output:
	// [redacted]
	// v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=
}
