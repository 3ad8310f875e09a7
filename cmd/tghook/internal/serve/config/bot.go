package config

import (
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/envelope"
	"github.com/tghook/tghook/internal/spelling"
)

// The forms of names, and what to say of another one.
var (
	botName  = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
	copyName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

const (
	botNameRule  = "the name of a bot must have 1 to 64 small letters, digits, - and _"
	copyNameRule = "the name of a copy must have 1 to 32 small letters, digits and -"
)

const (
	defaultMaxPending  = 100_000
	defaultTimeout     = time.Minute
	maxTimeout         = time.Hour
	defaultConnections = 40
	maxAge             = 10 * 365 * day
	// maxTelegram is how many requests Telegram makes at most at the same time.
	maxTelegram = 100
)

// Equal reports whether b and other are configured in the same way.
func (b *Bot) Equal(other *Bot) bool { return reflect.DeepEqual(b, other) }

// bots reads the bots of the file.
func (r *reader) bots(root *value, c *Config) {
	bots := root.at("bots")
	if bots == nil {
		bots = root.member("bots", 0)
	}
	if len(bots.names) == 0 && root.form == object && root.at("admin") == nil {
		r.wrongf(bots, "has no bot; give one with its token and to, or set admin to add bots later")
	}
	holders := map[int64]string{} // of tokens
	for _, name := range bots.names {
		v := bots.at(name)
		if !botName.MatchString(name) {
			r.wrongf(v, "%s", botNameRule)
		}
		b := r.bot(v, name, c)
		if holder := holders[b.ID]; holder != "" && b.ID != 0 {
			r.wrongf(v.at("token"), "is a token of the same bot as that of %s; name a bot once, and use copies to send its updates to several URLs", holder)
		}
		holders[b.ID] = v.field
		c.Bots = append(c.Bots, b)
	}
	slices.SortFunc(c.Bots, func(a, b *Bot) int { return strings.Compare(a.Name, b.Name) })
}

// bot reads a bot. c has the settings that all bots share.
func (r *reader) bot(v *value, name string, c *Config) *Bot {
	b := &Bot{
		Name:           name,
		Token:          r.secret(v.at("token")),
		Secret:         r.webhookSecret(v.at("secret")),
		Receive:        Receive(v.at("receive").text()),
		MaxConnections: v.at("max_connections").whole(0),
		MaxPending:     v.at("max_pending").whole(defaultMaxPending),
		MaxAttempts:    v.at("max_attempts").whole(0),
		MaxAge:         r.duration(v.at("max_age"), 0, 0, maxAge),
	}
	if b.Token != "" {
		client, err := tghook.NewClient(b.Token, tghook.ClientConfig{})
		if problem := (*tghook.ConfigError)(nil); errors.As(err, &problem) {
			r.wrongf(v.at("token"), "%s", problem.Problem)
		} else if err == nil {
			b.ID = client.Bot()
		}
	}
	if b.Secret == "" {
		b.Secret = madeSecret(b.Token)
	}
	if !c.LocalAPI && b.MaxConnections > maxTelegram {
		r.wrongf(v.at("max_connections"), "must be a whole number from 1 to %d; more needs api_local", maxTelegram)
	}
	switch {
	case b.Receive == Webhook && c.URL == nil:
		r.wrongf(v.at("receive"), "webhook needs url, the address by which Telegram reaches the gateway")
	case b.Receive == "" && c.URL != nil:
		b.Receive = Webhook
	case b.Receive == "":
		b.Receive = Poll
	}
	b.To = r.target(v.at("to"), "")
	if copies := v.at("copies"); copies != nil {
		for _, name := range slices.Sorted(maps.Keys(copies.members)) {
			if !copyName.MatchString(name) {
				r.wrongf(copies.at(name), "%s", copyNameRule)
			}
			b.Copies = append(b.Copies, r.target(copies.at(name), name))
		}
	}
	r.kindsOf(b, v)
	return b
}

// target reads a URL that gets updates. It may stand there alone.
func (r *reader) target(v *value, name string) Target {
	address := v
	if v != nil && v.form == object {
		address = v.at("url")
	}
	return Target{
		Name:           name,
		URL:            r.url(address),
		Secret:         r.webhookSecret(v.at("secret")),
		Kinds:          r.kinds(v.at("kinds")),
		Timeout:        r.duration(v.at("timeout"), defaultTimeout, time.Millisecond, maxTimeout),
		MaxConnections: v.at("max_connections").whole(defaultConnections),
		Certificate:    r.certificate(v.at("certificate")),
		CloudEvents:    v.at("cloudevents").truth(false),
		Signature:      r.signature(v.at("signature")),
	}
}

// maxKinds is how many kinds may be in a list.
const maxKinds = 100

// allKinds is the word for every kind that this version knows.
const allKinds = "all"

// optIn are the kinds that Telegram sends only if it is asked for them.
var optIn = []string{"chat_member", "message_reaction", "message_reaction_count"}

// kinds reads kinds of update, in their order and once each; nil if none are given.
func (r *reader) kinds(v *value) (kinds []string) {
	if v.text() == allKinds {
		return envelope.Kinds()
	}
	if v == nil {
		return nil
	}
	known := envelope.Kinds()
	for _, item := range v.items[:min(len(v.items), maxKinds)] { // the schema refuses more
		kind := item.text()
		if near := misspelt(kind, known); near != "" {
			r.wrongf(item, "is no kind of update; do you mean %s?", near)
		}
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// misspelt returns the known kind that an unknown one is nearly. A kind that is like no other may
// be newer than this version.
func misspelt(kind string, known []string) string {
	near := spelling.Nearest(kind[:min(len(kind), maxName)], known)
	if slices.Contains(known, kind) || max(len(near)-len(kind), len(kind)-len(near)) > 2 {
		return ""
	}
	return near
}

// kindsOf sets the kinds that Telegram is asked for. Where a target has Telegram's default, none
// may ask for more, because the target would get that too.
func (r *reader) kindsOf(b *Bot, v *value) {
	if v.at("to") == nil {
		return
	}
	targets := append([]Target{b.To}, b.Copies...)
	fields := []*value{v.at("to")}
	for _, target := range b.Copies {
		fields = append(fields, v.at("copies").at(target.Name))
	}
	var all []string
	plain := slices.IndexFunc(targets, func(t Target) bool { return t.Kinds == nil })
	for i, target := range targets {
		all = append(all, target.Kinds...)
		for _, kind := range target.Kinds {
			if plain >= 0 && slices.Contains(optIn, kind) {
				r.wrongf(fields[i].at("kinds"), "has %s, which Telegram sends only if it is asked for it; then name the kinds of %s too", kind, fields[plain].field)
				break
			}
		}
	}
	if plain < 0 {
		slices.Sort(all)
		b.Kinds = slices.Compact(all)
	}
}
