// Package breach asks a service whether a password is known from a breach, without telling it the password.
//
//	client := breach.Client{URL: breach.Public}
//	known, err := client.Known(ctx, []byte("correct horse battery"))
//
// The protocol is the range protocol of Have I Been Pwned, which mirrors of its list speak too: the client sends the
// first five hexadecimal digits of the password's SHA-1, one of a million ranges, and gets the rest of all known
// hashes that begin so, some thousand, each with a count. It finds the password's own among them by itself. With
// "Add-Padding" the answer has rows of count zero put in, so that its length does not tell the range to who sees but
// the length.
//
// An answer that is not of the protocol is an error, whatever its status: the page of a proxy is no "not known".
// Redirects are not followed, and no more than 1 MiB is read.
//
// Not here: what to do when the service cannot be asked; see method/password.
package breach

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Public is the service that the authors of the protocol run.
const Public = "https://api.pwnedpasswords.com"

const (
	prefixLen = 5       // digits that leave the process
	maxAnswer = 1 << 20 // bytes; with padding they are about 80,000
)

// Client asks one service. It is safe for concurrent use.
type Client struct {
	URL string // what comes before /range/, without a slash at the end
}

// Known reports whether the password is in the service's list. How long that may take is up to ctx. Nothing of the
// password or its hash is in an error.
func (c Client) Known(ctx context.Context, password []byte) (bool, error) {
	sum := sha1.Sum(password)
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	body, err := c.get(ctx, digest[:prefixLen])
	if err != nil {
		return false, err
	}
	defer body.Close()
	return find(body, digest[prefixLen:])
}

func (c Client) get(ctx context.Context, prefix string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/range/"+prefix, nil)
	if err != nil {
		return nil, fmt.Errorf("breach list: %w", bare(err))
	}
	req.Header.Set("Add-Padding", "true")
	req.Header.Set("User-Agent", "cloakroom") // the public service answers nobody without one
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := (&http.Client{CheckRedirect: stay}).Do(req)
	if err != nil {
		return nil, fmt.Errorf("breach list: %w", bare(err))
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("breach list: status %d", resp.StatusCode)
	}
	return resp.Body, nil
}

// bare takes the URL off an error: five digits of somebody's hash are not for a log that has a name beside them.
func bare(err error) error {
	if with, ok := errors.AsType[*url.Error](err); ok {
		return with.Err
	}
	return err
}

var errMalformed = errors.New("breach list: the answer is not one of the range protocol")

// find looks for the rest of a digest among the rows, all of which it reads: each must be one.
func find(body io.Reader, rest string) (found bool, err error) {
	limited := &io.LimitedReader{R: body, N: maxAnswer + 1}
	rows := bufio.NewScanner(limited)
	for rows.Scan() {
		suffix, count, ok := strings.Cut(strings.TrimSpace(rows.Text()), ":")
		if !ok || len(suffix) != len(rest) || !isHex(suffix) || count == "" || strings.Trim(count, "0123456789") != "" {
			return false, errMalformed
		}
		padding := strings.Trim(count, "0") == ""
		found = found || !padding && strings.EqualFold(suffix, rest)
	}
	switch {
	case rows.Err() != nil:
		return false, fmt.Errorf("breach list: %w", rows.Err())
	case limited.N == 0:
		return false, errors.New("breach list: the answer is longer than 1 MiB")
	}
	return found, nil
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdefABCDEF") == "" }
