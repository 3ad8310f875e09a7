package tghooktest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// foreign returns why a request is refused because a page in a browser may have sent it;
// nil if it is accepted. Any page can make a browser send requests to this machine. A page
// whose host name is pointed at 127.0.0.1 can also read the answers. No bot library sends
// Origin or Sec-Fetch-Site, or calls this machine by another name.
//
// If pages is true, the request is for ServerConfig.Rest, which has pages: a browser may go
// there from any other page. Such a request changes nothing, and the other page does not get
// the answer.
func (h *host) foreign(r *http.Request, pages bool) *botapi.Error {
	refuse := func(header, value, advice string) *botapi.Error {
		return &botapi.Error{Code: http.StatusForbidden, Description: fmt.Sprintf(
			"Forbidden: tghooktest refuses requests from web pages, and the header %s is %.100q; %s", header, value, advice)}
	}
	if h.memory == nil && !h.isHost(r.Host) {
		return refuse("Host", r.Host, "use the address of Server.URL, or add the name to ServerConfig.Hosts (tghook dev: --host NAME)")
	}
	for _, origin := range r.Header["Origin"] {
		if scheme, _, _ := strings.Cut(h.url, ":"); origin != scheme+"://"+r.Host {
			return refuse("Origin", origin, "call the Bot API from a program")
		}
	}
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if pages && visits(r) {
			break
		}
		if site != "same-origin" && site != "none" { // none: the user typed the address
			return refuse("Sec-Fetch-Site", site, "call the Bot API from a program")
		}
	}
	return nil
}

// visits reports whether a browser goes to an address in a window or tab, and shows the answer
// there.
func visits(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}
