package tghooktest

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// foreign says why a request is refused that may come from a browser's page; nil if it
// may not. Any page can have a browser send requests to this machine, and a page whose
// name is pointed at 127.0.0.1 can read the answers too. No bot's library sends Origin
// or Sec-Fetch-Site, or calls this machine by another name.
func (s *Server) foreign(r *http.Request) *botapi.Error {
	refuse := func(header, value string) *botapi.Error {
		return &botapi.Error{Code: http.StatusForbidden, Description: fmt.Sprintf(
			"Forbidden: tghooktest takes no request of a browser's page, and %s is %.100q: call the Bot API at Server.URL", header, value)}
	}
	if s.memory == nil && !local(r.Host) {
		return refuse("Host", r.Host)
	}
	for _, origin := range r.Header["Origin"] {
		if origin != "http://"+r.Host {
			return refuse("Origin", origin)
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" { // none: the user has typed the address
			return refuse("Sec-Fetch-Site", site)
		}
	}
	return nil
}

// local reports whether host, which may have a port, names this machine to itself. A
// browser always names one.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "" || strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}
