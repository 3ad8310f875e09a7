package tghooktest

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// setting is a setWebhook under way.
type setting struct {
	answer string
	took   time.Duration
	done   chan struct{}
}

// resolving runs a test with a Server whose resolver takes ten seconds.
func resolving(t *testing.T, test func(t *testing.T, s *Server, set func(url string, more ...string) *setting)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := NewServer(t, ServerConfig{InMemory: true})
		s.lookup = func(ctx context.Context, _ string) (netip.Addr, error) {
			select {
			case <-time.After(10 * time.Second):
				return inMemory, nil
			case <-ctx.Done():
				return netip.Addr{}, ctx.Err()
			}
		}
		test(t, s, func(url string, more ...string) *setting {
			set := &setting{done: make(chan struct{})}
			values := map[string]string{"url": url}
			for i := 0; i < len(more); i += 2 {
				values[more[i]] = more[i+1]
			}
			begin := s.Now()
			go func() {
				defer close(set.done)
				set.answer = answered(s.run(botapi.Params{Method: "setWebhook", Values: values}, true, &Call{}))
				set.took = s.Now().Sub(begin)
			}()
			synctest.Wait()
			return set
		})
	})
}

func answered(a answer) string {
	if a.err != nil {
		return a.err.Description
	}
	return a.description
}

func (set *setting) is(t *testing.T, want string, after time.Duration) {
	t.Helper()
	<-set.done
	assert.Equal(t, want, set.answer) // a sender may take a nanosecond to end
	assert.Equal(t, after, set.took.Round(time.Microsecond))
}

func TestAWebhookIsShownBeforeItsHostIsResolved(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, s *Server, set func(string, ...string) *setting) {
		a := set("http://a.example.org/")
		time.Sleep(5 * time.Second)
		if got := string(s.getWebhookInfo().result); !strings.Contains(got, `"url":"http://a.example.org/"`) || !strings.Contains(got, `"ip_address":"<unknown>"`) {
			t.Error(got)
		}
		assert.Equal(t, webhookActive, answered(s.getUpdates(botapi.Params{})))
		a.is(t, "Webhook was set", 10*time.Second)
		assert.Contains(t, string(s.getWebhookInfo().result), `"ip_address":"1.2.3.4"`)
	})
}

func TestAPinnedAddressIsNotResolved(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, _ *Server, set func(string, ...string) *setting) {
		set("http://a.example.org/", "ip_address", "9.9.9.9").is(t, "Webhook was set", 0)
	})
}

func TestTheLastOfSeveralSetWebhooksWins(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, s *Server, set func(string, ...string) *setting) {
		a := set("http://a.example.org/")
		time.Sleep(time.Second)
		b := set("http://b.example.org/", "drop_pending_updates", "true")
		a.is(t, otherSetWebhook, time.Second)
		time.Sleep(time.Second)
		c := set("http://b.example.org/")       // the same URL, which is not set yet
		b.is(t, otherSetWebhook, 4*time.Second) // a conflict within three seconds of another
		time.Sleep(2 * time.Second)
		d := set("http://d.example.org/")
		c.is(t, otherSetWebhook, 5*time.Second)
		d.is(t, "Webhook was set", 10*time.Second)
		assert.Equal(t, "http://d.example.org/", s.webhook.url)
		assert.Nil(t, s.setting)
		time.Sleep(time.Second)
		set("http://d.example.org/").is(t, "Webhook is already set", 0)
	})
}

func TestDeleteWebhookEndsASetWebhook(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, s *Server, set func(string, ...string) *setting) {
		a := set("http://a.example.org/")
		set("").is(t, "Webhook was deleted", 0)
		a.is(t, otherSetWebhook, 0)
		assert.Empty(t, s.webhook.url)
		assert.Nil(t, s.sender)
	})
}

func TestASetWebhookThatFailsLateLeavesNone(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, s *Server, set func(string, ...string) *setting) {
		resolve := s.lookup
		s.lookup = func(ctx context.Context, host string) (netip.Addr, error) {
			_, _ = resolve(ctx, host)
			return netip.Addr{}, errors.New("the resolver does not answer")
		}
		a := set("http://a.example.org/")
		time.Sleep(time.Second)
		b := set("http://b.example.org/")
		a.is(t, otherSetWebhook, time.Second)
		b.is(t, "Bad Request: bad webhook: Failed to resolve host: Temporary failure in name resolution", 10*time.Second)
		assert.Empty(t, s.webhook.url)
		assert.Nil(t, s.setting)
	})
}

func TestLogOutAndCloseEndASetWebhook(t *testing.T) {
	t.Parallel()
	resolving(t, func(t *testing.T, s *Server, set func(string, ...string) *setting) {
		time.Sleep(10 * time.Minute)
		a := set("http://a.example.org/")
		assert.Nil(t, s.closeSession().err)
		a.is(t, "Internal Server Error: restart", 0)
		assert.Empty(t, s.webhook.url)
		time.Sleep(time.Second)
		b := set("http://b.example.org/")
		assert.Nil(t, s.logOut().err)
		b.is(t, "Logged out", 0)
		assert.Empty(t, s.webhook.url)
		assert.Nil(t, s.setting)
		time.Sleep(10 * time.Minute)
		c := set("http://c.example.org/")
		s.Close()
		c.is(t, "Internal Server Error: restart", 0)
	})
}

func TestAHostIsResolvedToIPv4First(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{"127.0.0.1": "127.0.0.1", "::1": "::1", "localhost": "127.0.0.1"} {
		if got, err := resolve(t.Context(), host); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", host, got, err)
		}
	}
	if got, err := resolve(t.Context(), "not a host"); err == nil {
		t.Error(got)
	}
}

func TestWebhookAddressesAreReadAsTelegramReadsThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]address{
		"https://bot.example.org":                   {"https", "", "bot.example.org", 443, "/"},
		"HTTP://Bot.Example.ORG:8080/Path?a=b#c":    {"http", "", "bot.example.org", 8080, "/Path?a=b#c"},
		"bot.example.org?a":                         {"https", "", "bot.example.org", 443, "/?a"},
		"bot.example.org#a":                         {"https", "", "bot.example.org", 443, "/#a"},
		"bot.example.org:00080":                     {"https", "", "bot.example.org", 80, "/"},
		"https://u%4a:p:w@bot.example.org/":         {"https", "u%4a:p:w", "bot.example.org", 443, "/"},
		"https://.-_!$,~*'();&+=Z9é:@b/":            {"https", ".-_!$,~*'();&+=Z9é:", "b", 443, "/"},
		"https://a b@[::1]/":                        {"https", "a b", "::1", 443, "/"}, // Telegram checks it for names only
		"https://@bot.example.org/":                 {"https", "", "bot.example.org", 443, "/"},
		"https://bot.example.org/a b\tc\x01é%zz \n": {"https", "", "bot.example.org", 443, "/a%20b%09c%01é%zz"},
		"https://bücher.example.org":                {"https", "", "xn--bcher-kva.example.org", 443, "/"},
		"https://b\u00fccher.B\u00dcCHER.Example":   {"https", "", "xn--bcher-kva.xn--bcher-2pa.example", 443, "/"}, // only ASCII in lower case
		"https://\u0440\u0444/":                     {"https", "", "xn--p1ai", 443, "/"},
		"https://b\xff/":                            {"https", "", "b\xff", 443, "/"}, // refused later
		"https://b%4at.example.org":                 {"https", "", "b%4at.example.org", 443, "/"},
		"https://[2001:DB8::1]:88/":                 {"https", "", "2001:db8::1", 88, "/"},
		"https://[::1]":                             {"https", "", "::1", 443, "/"},
		"https://h://x":                             {}, // the port is not a number
		"null":                                      {"https", "", "null", 443, "/"},
		"https://bot.example.org:65535/x:y@z":       {"https", "", "bot.example.org", 65535, "/x:y@z"},
	} {
		got, ok := parseAddress(text)
		if want == (address{}) {
			assert.False(t, ok, text)
			continue
		}
		require.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "/", "https://", "https:///x", "ftp://bot.example.org", "https://:443", "https://bot.example.org:", "https://bot.example.org:0",
		"https://bot.example.org:65536", "https://bot.example.org:x", "https://bot.example.org:-1", "https://.", "https://b b", "https://b\"b",
		"https://b<b", "https://b%4", "https://b%zz", "https://b%", "https://[::1", "https://[bot]", "https://[1.2.3.4]", "https://[fe80::1%25eth0]",
		"https://u@", "https://bot.example.org:443:443",
		"https://u:p@s@b", "https://a b@b", "https://a\"b@b", "https://a<b@b", "https://a>b@b", "https://a[b@b", "https://a]b@b", "https://a^b@b",
		"https://a|b@b", "https://a\\b@b", "https://a`b@b", "https://a{b@b", "https://a}b@b", "https://a\tb@b", "https://a\x7fb@b",
		"https://a%@b", "https://a%4@b", "https://a%zz@b",
	} {
		if got, ok := parseAddress(text); ok {
			t.Errorf("%q is taken: %+v", text, got)
		}
	}
}

func TestAHostThatHasNoASCIIFormIsNotResolved(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"b\xff":                             "Host name must be encoded in UTF-8",
		strings.Repeat("\u00fc", 510):       "Host name is too long",
		strings.Repeat("\u00fc", 509) + "b": "Failed to resolve host: Name or service not known",
		strings.Repeat("b", 1020):           "Failed to resolve host: Name or service not known",
	} {
		synctest.Test(t, func(t *testing.T) {
			s := NewServer(t, ServerConfig{InMemory: true})
			set := func(more map[string]string) string {
				time.Sleep(time.Second)
				more["url"] = "http://" + host + "/"
				return answered(s.run(botapi.Params{Method: "setWebhook", Values: more}, true, &Call{}))
			}
			assert.Equal(t, "Bad Request: bad webhook: "+want, set(map[string]string{}))
			assert.Equal(t, "Webhook was set", set(map[string]string{"ip_address": "1.2.3.4"}))
		})
	}
}
