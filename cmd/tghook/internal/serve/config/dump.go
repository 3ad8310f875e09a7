package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/tghook/tghook"
)

// Dump returns the configuration with all defaults, as YAML. It says where secrets come from, and
// not what they are. In place of the password in a URL it has xxxxx. [Load] reads it again.
func (c *Config) Dump() ([]byte, error) {
	d := dumpedFile{
		Listen: c.Listen, TLS: dumpedTLS{c.TLS.Certificate, c.TLS.Key},
		TrustedProxies: c.TrustedProxies, Sources: c.Sources,
		API: withoutPassword(c.API), LocalAPI: c.LocalAPI,
		Storage: dumpedStorage{
			Path: c.Storage.Path, Postgres: c.source("storage.postgres"), Schema: c.Storage.Schema, MaxSize: sizeText(c.Storage.MaxSize),
		},
		History:     "off",
		DeadLetters: dumpedRetention{daysOf(c.DeadLetters.Age), sizeText(c.DeadLetters.MaxSize)},
		Status:      dumpedStatus{c.Status.Listen},
		Admin:       dumpedAdmin{c.Admin.Listen, c.source("admin.token"), c.source("admin.key"), c.Admin.Allow},
		Page:        dumpedPage{c.Page.Listen, c.source("page.password"), c.Page.Header, c.Page.Proxies},
		Log:         dumpedLog{strings.ToLower(c.Log.Level.String()), "text", c.Log.Contents},
		Bots:        map[string]dumpedBot{},
	}
	if c.URL != nil {
		d.URL = c.URL.Redacted()
	}
	switch {
	case len(c.Sources) == 0:
		d.Sources = anySource
	case slices.Equal(c.Sources, tghook.TelegramSources()):
		d.Sources = telegramOnly
	}
	if c.History.On {
		d.History = dumpedHistory{daysOf(c.History.Age), sizeText(c.History.MaxSize), c.History.Bodies}
	}
	if c.Log.JSON {
		d.Log.Format = "json"
	}
	for _, b := range c.Bots {
		d.Bots[b.Name] = c.dumpedBot(b)
	}
	return yaml.Dump(d)
}

// source returns where the secret or the certificate of a field comes from.
func (c *Config) source(field string) source { return c.sources[field] }

// withoutPassword returns a URL without its password.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	return u.Redacted()
}

func (c *Config) dumpedBot(b *Bot) dumpedBot {
	field := "bots." + b.Name
	d := dumpedBot{
		Token: c.source(field + ".token"), To: c.dumpedTarget(&b.To, field+".to"),
		Receive: b.Receive, Secret: c.source(field + ".secret"), MaxConnections: b.MaxConnections,
		MaxPending: b.MaxPending, MaxAttempts: b.MaxAttempts, MaxAge: b.MaxAge.String(),
	}
	for i := range b.Copies {
		if d.Copies == nil {
			d.Copies = map[string]dumpedTarget{}
		}
		name := b.Copies[i].Name
		d.Copies[name] = c.dumpedTarget(&b.Copies[i], field+".copies."+name)
	}
	return d
}

func (c *Config) dumpedTarget(t *Target, field string) dumpedTarget {
	return dumpedTarget{
		URL: t.URL.Redacted(), Secret: c.source(field + ".secret"), Kinds: t.Kinds,
		Timeout: t.Timeout.String(), MaxConnections: t.MaxConnections, Certificate: c.source(field + ".certificate").File,
		CloudEvents: t.CloudEvents, Signature: c.source(field + ".signature"),
	}
}

// dumpedFile and the types below are the file, in the order of its documentation.
type dumpedFile struct {
	URL            string               `yaml:"url,omitempty"`
	Listen         string               `yaml:"listen"`
	TLS            dumpedTLS            `yaml:"tls,omitempty"`
	TrustedProxies []netip.Prefix       `yaml:"trusted_proxies"`
	Sources        any                  `yaml:"sources"`
	API            string               `yaml:"api"`
	LocalAPI       bool                 `yaml:"api_local"`
	Storage        dumpedStorage        `yaml:"storage"`
	History        any                  `yaml:"history"`
	DeadLetters    dumpedRetention      `yaml:"dead_letters"`
	Status         dumpedStatus         `yaml:"status,omitempty"`
	Admin          dumpedAdmin          `yaml:"admin,omitempty"`
	Page           dumpedPage           `yaml:"page,omitempty"`
	Log            dumpedLog            `yaml:"log"`
	Bots           map[string]dumpedBot `yaml:"bots"`
}

type dumpedTLS struct {
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

type dumpedStorage struct {
	Path     string `yaml:"path,omitempty"`
	Postgres source `yaml:"postgres,omitempty"`
	Schema   string `yaml:"schema,omitempty"`
	MaxSize  string `yaml:"max_size"`
}

type dumpedRetention struct {
	Days    any    `yaml:"days"`
	MaxSize string `yaml:"max_size"`
}

type dumpedHistory struct {
	Days    any    `yaml:"days"`
	MaxSize string `yaml:"max_size"`
	Bodies  bool   `yaml:"bodies"`
}

type dumpedStatus struct {
	Listen string `yaml:"listen"`
}

type dumpedAdmin struct {
	Listen string         `yaml:"listen"`
	Token  source         `yaml:"token"`
	Key    source         `yaml:"key"`
	Allow  []netip.Prefix `yaml:"allow"`
}

type dumpedPage struct {
	Listen   string         `yaml:"listen"`
	Password source         `yaml:"password,omitempty"`
	Header   string         `yaml:"header,omitempty"`
	Proxies  []netip.Prefix `yaml:"proxies,omitempty"`
}

type dumpedLog struct {
	Level    string `yaml:"level"`
	Format   string `yaml:"format"`
	Contents bool   `yaml:"contents"`
}

type dumpedBot struct {
	Token          source                  `yaml:"token"`
	To             dumpedTarget            `yaml:"to"`
	Copies         map[string]dumpedTarget `yaml:"copies,omitempty"`
	Receive        Receive                 `yaml:"receive"`
	Secret         source                  `yaml:"secret,omitempty"`
	MaxConnections int                     `yaml:"max_connections,omitempty"`
	MaxPending     int                     `yaml:"max_pending"`
	MaxAttempts    int                     `yaml:"max_attempts"`
	MaxAge         string                  `yaml:"max_age"`
}

type dumpedTarget struct {
	URL            string   `yaml:"url"`
	Secret         source   `yaml:"secret,omitempty"`
	Kinds          []string `yaml:"kinds,omitempty"`
	Timeout        string   `yaml:"timeout"`
	MaxConnections int      `yaml:"max_connections"`
	Certificate    string   `yaml:"certificate,omitempty"`
	CloudEvents    bool     `yaml:"cloudevents"`
	Signature      source   `yaml:"signature,omitempty"`
}
