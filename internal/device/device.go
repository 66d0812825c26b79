// Package device turns a User-Agent header into words for the list of one's sessions: "Firefox on Linux". It is a hint
// for people, not a fact: nothing is decided by it.
package device

import "strings"

// Browsers call themselves many names; the first that matches wins, so the more special ones come first.
var browsers = []struct{ mark, name string }{
	{"Edg", "Edge"}, {"OPR/", "Opera"}, {"Vivaldi", "Vivaldi"}, {"SamsungBrowser", "Samsung Internet"},
	{"Firefox/", "Firefox"}, {"FxiOS", "Firefox"}, {"CriOS", "Chrome"}, {"HeadlessChrome", "Chrome"},
	{"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	{"curl/", "curl"}, {"Wget/", "Wget"}, {"okhttp", "Android app"}, {"CFNetwork", "iOS app"},
	{"Dart/", "Dart app"}, {"Go-http-client", "Go program"}, {"python", "Python program"}, {"node", "Node program"},
}

var systems = []struct{ mark, name string }{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"},
	{"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
}

// Name describes the device that sent this User-Agent, in at most a few words; empty when it says nothing known.
func Name(agent string) string {
	browser, system := "", ""
	for _, b := range browsers {
		if strings.Contains(agent, b.mark) {
			browser = b.name
			break
		}
	}
	for _, s := range systems {
		if strings.Contains(agent, s.mark) {
			system = s.name
			break
		}
	}
	switch {
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + " on " + system
}
