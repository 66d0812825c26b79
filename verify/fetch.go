package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"
	"time"
)

// ownClient is the client that keys and feed use: the given one without its redirects, or one with connections of its
// own, which closeIdle ends.
func ownClient(given *http.Client) (c *http.Client, closeIdle func()) {
	c, closeIdle = &http.Client{}, func() {}
	if given != nil {
		*c = *given
	} else if standard, ok := http.DefaultTransport.(*http.Transport); ok {
		own := standard.Clone()
		c.Transport, closeIdle = own, own.CloseIdleConnections
	}
	// An answer from elsewhere is not the issuer's.
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, closeIdle
}

// fetch makes a request and reads its 200 answer of one of the media types, up to limit bytes.
func fetch(client *http.Client, r *http.Request, limit int64, mediaTypes ...string) (body []byte, header http.Header, err error) {
	answer, err := client.Do(r)
	if err != nil {
		return nil, nil, plain(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		_, _ = io.CopyN(io.Discard, answer.Body, 4<<10) // so that the connection can be used again
		return nil, nil, fmt.Errorf("answer %d", answer.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); !slices.Contains(mediaTypes, kind) {
		return nil, nil, fmt.Errorf("answer is not %s", mediaTypes[0])
	}
	body, err = io.ReadAll(io.LimitReader(answer.Body, limit+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(body)) > limit:
		return nil, nil, fmt.Errorf("answer is over %d bytes", limit)
	}
	return body, answer.Header, nil
}

// plain drops the address from an error of the client: it holds a nonce, and whoever reads the error knows the rest.
func plain(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// rest waits for d, or until ctx is over.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// backOff is the pause after so many failures in a row: it doubles from least to most, and a random half is taken off,
// so that many verifiers of one issuer do not return in step.
func backOff(failures int, least, most time.Duration) time.Duration {
	d := most
	if failures < 16 {
		d = min(most, least<<failures)
	}
	return d - rand.N(d/2+1)
}

// age is how long ago then was. A machine that slept, or whose clock was set, counts the longer of what its two clocks
// say, for a feed that was not heard meanwhile is silent whoever is right.
func age(then, now time.Time) time.Duration {
	return max(now.Sub(then), now.Round(0).Sub(then.Round(0)))
}
