// Package snippet knows how bot libraries are told the address of the Bot API.
package snippet

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Snippet is what to paste into a bot that uses a library.
type Snippet struct {
	Library  string // the name for --for
	Language string
	Code     string // one line or more; token is the bot's token
	Note     string // what else to know; may be empty
	// HTTPSOnly says that the library does not speak plain HTTP.
	HTTPSOnly bool
}

// Names returns the names that For knows, in order.
func Names() []string {
	names := make([]string, len(libraries))
	for i, l := range libraries {
		names[i] = l.Library
	}
	slices.Sort(names)
	return names
}

// For returns the snippet of a library, with the base URL of a Bot API in it. Upper and
// lower case, hyphens and dots in the name do not count.
func For(library, base string) (Snippet, error) {
	u, err := url.Parse(base)
	if err != nil {
		return Snippet{}, fmt.Errorf("the address of the Bot API, %q, is no URL: %w", base, err)
	}
	for _, l := range libraries {
		if plain(l.Library) != plain(library) && !slices.Contains(l.also, plain(library)) {
			continue
		}
		fill := strings.NewReplacer("{url}", base, "{scheme}", u.Scheme, "{host}", u.Hostname(), "{port}", u.Port())
		l.Code, l.Note = fill.Replace(l.Code), fill.Replace(l.Note)
		return l.Snippet, nil
	}
	return Snippet{}, fmt.Errorf("no library is named %q here; the names are %s. For others, give the library %s where it takes the address of a local Bot API server",
		library, strings.Join(Names(), ", "), base)
}

// plain is a name as it is compared.
func plain(name string) string {
	return strings.NewReplacer("-", "", ".", "", "_", "", "/", "", " ", "").Replace(strings.ToLower(name))
}
