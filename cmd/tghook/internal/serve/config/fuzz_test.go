package config_test

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// equal reports whether two configurations are the same, where their values come from included.
// The types of testify cannot tell, because they print values that print no secrets.
func equal(a, b *config.Config) bool { return reflect.DeepEqual(a, b) }

func write(t testing.TB, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
}

// hasUser reports whether a URL of c has a user, whose password a dump does not have.
func hasUser(c *config.Config) bool {
	api, err := url.Parse(c.API)
	if err != nil || api.User != nil || c.URL != nil && c.URL.User != nil {
		return true
	}
	for _, b := range c.Bots {
		for _, target := range append(b.Copies, b.To) {
			if target.URL.User != nil {
				return true
			}
		}
	}
	return false
}

// checkMistakes checks that each mistake stands in the text.
func checkMistakes(t *testing.T, err error, text []byte) {
	t.Helper()
	var all *config.Mistakes
	require.ErrorAs(t, err, &all)
	require.NotEmpty(t, all.All)
	for _, m := range all.All {
		require.NotEmpty(t, m.What)
		require.GreaterOrEqual(t, m.Line, 0)
		require.LessOrEqual(t, m.Line, bytes.Count(text, []byte("\n"))+bytes.Count(text, []byte("\r"))+2)
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range mistaken(f) {
		text, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(whole))
	f.Add([]byte(bot))
	require.NoError(f, os.Setenv("TOKEN", shopToken))
	path := filepath.Join(f.TempDir(), fileName)
	f.Fuzz(func(t *testing.T, text []byte) {
		write(t, path, string(text))
		c, err := config.Load(path)
		if err != nil {
			checkMistakes(t, err, text)
			return
		}
		dump, err := c.Dump()
		require.NoError(t, err)
		if hasUser(c) {
			return
		}
		write(t, path, string(dump))
		again, err := config.Load(path)
		require.NoError(t, err, "%s", dump)
		require.True(t, equal(c, again), "%s", dump)
	})
}

func FuzzParseBot(f *testing.F) {
	f.Add("shop", []byte(`{"token": "`+shopToken+`", "to": "http://a"}`))
	f.Add("other", []byte(`{"token": {"env": "A"}, "to": {"url": "http://a", "kinds": ["message"]}, "copies": {"a": null}, "max_age": "1s"}`))
	f.Fuzz(func(t *testing.T, name string, spec []byte) {
		b, err := config.ParseBot(name, spec, base())
		if err != nil {
			checkMistakes(t, err, spec)
			return
		}
		require.Equal(t, name, b.Name)
		require.NotNil(t, b.To.URL)
	})
}
