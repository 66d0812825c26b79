package valkey

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const defaultPort = "6379"

// ParseURL reads valkey://user:password@host:port,host:port/database. The scheme is valkey or redis, or valkeys or rediss
// for TLS; all but one host is optional. What has a meaning in URLs is percent-encoded in user and password. The result may
// be changed before it is opened. No error shows the password.
func ParseURL(text string) (Config, error) {
	c, err := parse(text)
	if err != nil {
		return Config{}, fmt.Errorf("address of Valkey: %w; it is written valkey://host:port,host:port/", err)
	}
	return c, nil
}

func parse(text string) (c Config, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	switch {
	case !found:
		return c, errors.New("it has no scheme")
	case slices.Contains([]string{"valkeys", "rediss"}, scheme):
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	case !slices.Contains([]string{"valkey", "redis"}, scheme):
		return c, errors.New("it has another scheme than valkey, valkeys, redis and rediss")
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if c.Username, c.Password, err = credentials(rest[:at]); err != nil {
			return c, err
		}
		rest = rest[at+1:]
	}
	hosts, database, _ := strings.Cut(rest, "/")
	if database != "" {
		if c.Database, err = strconv.Atoi(database); err != nil || c.Database < 0 {
			return c, errors.New("what follows the hosts is not the number of a database")
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := address(host)
		if err != nil {
			return c, err
		}
		c.Addresses = append(c.Addresses, addr)
	}
	return c, nil
}

func credentials(text string) (user string, password Password, err error) {
	user, secret, _ := strings.Cut(text, ":")
	if user, err = url.PathUnescape(user); err == nil {
		secret, err = url.PathUnescape(secret)
	}
	if err != nil {
		return "", "", errors.New("user or password is not percent-encoded") // the cause would show it
	}
	return user, Password(secret), nil
}

// address is host:port of what may have no port.
func address(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), defaultPort
		if strings.Contains(host, ":") && !strings.HasPrefix(text, "[") {
			return "", fmt.Errorf("%q is not host:port", text)
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); host == "" || strings.ContainsAny(host, "/?#@ ") || err != nil || n == 0 {
		return "", fmt.Errorf("%q is not host:port", text)
	}
	return net.JoinHostPort(host, port), nil
}
