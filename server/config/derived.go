package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Base is BaseURL or, when that is empty and Listen is on loopback, http and Listen. It is empty when Listen has port
// 0: put the address that was picked in Listen first.
func (c Config) Base() string {
	if c.BaseURL != "" {
		return c.BaseURL
	}
	if _, port, _ := net.SplitHostPort(c.Listen); port == "0" || !loopback(c.Listen) {
		return ""
	}
	return "http://" + c.Listen
}

// SecureCookies reports whether cookies carry the attribute Secure: as Cookie.Secure says, or as the scheme of Base.
func (c Config) SecureCookies() bool {
	if c.Cookie.Secure == "auto" {
		return c.https()
	}
	return c.Cookie.Secure == "true"
}

// Database is Store.URL, or the file in Data when that is empty.
func (c Config) Database() DSN {
	if c.Store.URL != "" {
		return c.Store.URL
	}
	return DSN("sqlite:" + filepath.Join(c.Data, "cloakroom.db"))
}

// Audience is Token.Audience, or Base when that is empty.
func (c Config) Audience() string {
	if c.Token.Audience != "" {
		return c.Token.Audience
	}
	return c.Base()
}

// Issuer is Base or, when a free port is still to be picked, the address without one: enough for programs that make no
// tokens, and for no other.
func (c Config) Issuer() string {
	if base := c.Base(); base != "" {
		return base
	}
	return "http://" + c.Listen
}

// Cluster is Store.Sessions where that is a store of its own, for sessions alone; otherwise it is empty.
func (c Config) Cluster() DSN {
	scheme, _, _ := strings.Cut(string(c.Store.Sessions), "://")
	if slices.Contains(ledgers, scheme) {
		return c.Store.Sessions
	}
	return ""
}

// sessions is where sessions are kept, Store.Sessions or Database.
func (c Config) sessions() DSN {
	if c.Store.Sessions != "" {
		return c.Store.Sessions
	}
	return c.Database()
}

// Site is what the service is called: Mail.Site, or the host of Base.
func (c Config) Site() string {
	if c.Mail.Site != "" {
		return c.Mail.Site
	}
	return c.baseHost()
}

func (c Config) https() bool { return strings.HasPrefix(c.Base(), "https://") }

// baseHost is the host by which people reach the server, without its port.
func (c Config) baseHost() string {
	if u, err := url.Parse(c.Base()); err == nil && u.Host != "" {
		return u.Hostname()
	}
	host, _, _ := net.SplitHostPort(c.Listen)
	return host
}

// loopback reports whether an address, host:port, is reached from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && loopbackHost(host)
}

func loopbackHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
