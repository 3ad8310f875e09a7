package sender_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/sender"
)

func TestHostHasThePortUnlessItIsTheSchemes(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"http://h/":        "h",
		"http://h:80/":     "h",
		"http://h:080/":    "h",
		"http://h:443/":    "h:443",
		"https://h/":       "h",
		"https://H:443/":   "h",
		"https://h:80/":    "h:80",
		"https://h:8443/":  "h:8443",
		"http://[::1]/":    "[::1]",
		"http://[::1]:81/": "[::1]:81",
	} {
		u, err := url.Parse(given)
		require.NoError(t, err)
		assert.Equal(t, want, sender.Host(u), "Host of "+given)
	}
}
