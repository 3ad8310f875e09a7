package config

import (
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// config reads the whole file.
func (r *reader) config(root *value) *Config {
	c := &Config{}
	r.network(root, c)
	c.Storage = r.storage(root.at("storage"))
	c.DeadLetters = r.deadLetters(root.at("dead_letters"), c.Storage.MaxSize)
	if status := root.at("status"); status != nil {
		c.Status.Listen = r.address(status.at("listen"), "")
	}
	c.Admin = r.admin(root.at("admin"))
	c.Page = r.page(root.at("page"))
	c.History = r.history(root.at("history"), root.at("page") != nil)
	c.Log = r.log(root.at("log"))
	listeners := []listener{
		{root.at("status").at("listen"), "status.listen", c.Status.Listen},
		{root.at("admin").at("listen"), "admin.listen", c.Admin.Listen},
		{root.at("page").at("listen"), "page.listen", c.Page.Listen},
	}
	if c.URL != nil { // else listen is not used
		listeners = append([]listener{{root.at("listen"), "listen", c.Listen}}, listeners...)
	}
	r.distinct(listeners)
	r.bots(root, c)
	return c
}

const (
	defaultMaxSize = 10 << 30
	defaultPath    = "tghook-data"
)

func (r *reader) storage(v *value) Storage {
	path, postgres, schema := v.at("path"), v.at("postgres"), v.at("schema")
	s := Storage{MaxSize: r.size(v.at("max_size"), defaultMaxSize), Schema: schema.text()}
	switch {
	case path != nil && postgres != nil:
		r.wrongf(postgres, "stands beside path; updates are kept in one place, so leave one of them out")
	case postgres != nil:
		s.Postgres = r.secret(postgres)
		if _, err := pgconn.ParseConfig(s.Postgres); s.Postgres != "" && err != nil {
			r.wrongf(postgres, "the secret is no connection string; give one such as postgres://user:password@host:5432/database, with special characters of the password as %%XX")
		}
		return s
	}
	if schema != nil {
		r.wrongf(schema, "is for postgres; leave it out")
	}
	s.Path = r.path(defaultPath)
	if path.text() != "" {
		s.Path = r.path(path.text())
	}
	return s
}

// deadLetters reads how long dead letters are kept. They are a part of the storage.
func (r *reader) deadLetters(v *value, storage int64) Retention {
	byDefault := min(1<<30, max(minSize, storage/2/minSize*minSize))
	keep := Retention{Age: r.days(v.at("days"), 30*day), MaxSize: r.size(v.at("max_size"), byDefault)}
	if keep.MaxSize >= storage && v.at("max_size") != nil {
		r.wrongf(v.at("max_size"), "must be less than storage.max_size, so that dead letters leave room for new updates")
	}
	return keep
}

// history reads what is kept of the past. By default there is a history if there is a page.
func (r *reader) history(v *value, page bool) History {
	if v == nil && !page || v != nil && v.form != object {
		return History{}
	}
	return History{
		On: true, Bodies: v.at("bodies").truth(true),
		Retention: Retention{Age: r.days(v.at("days"), 7*day), MaxSize: r.size(v.at("max_size"), 1<<30)},
	}
}

const (
	minToken    = 16 // characters of the admin API's token
	minPassword = 12 // of the page's password
	minKey      = 32 // bytes of the key by which bots are encrypted
)

var bearerForm = regexp.MustCompile(`^[!-~]*$`)

func (r *reader) admin(v *value) Admin {
	if v == nil {
		return Admin{}
	}
	a := Admin{
		Listen: r.address(v.at("listen"), ""),
		Token:  r.fitting(v.at("token"), bearerForm, "the token has a space or a character that is not ASCII; leave it out"),
		Key:    []byte(r.secret(v.at("key"))),
		Allow:  r.addresses(v.at("allow")),
	}
	if len(a.Token) > 0 && len(a.Token) < minToken {
		r.wrongf(v.at("token"), "the token is too short; it must have %d characters or more", minToken)
	}
	if len(a.Key) > 0 && len(a.Key) < minKey {
		r.wrongf(v.at("key"), "the key is too short; it must have %d bytes or more", minKey)
	}
	return a
}

// password reads the page's password.
func (r *reader) password(v *value) string {
	text := r.secret(v)
	if text != "" && len(text) < minPassword {
		r.wrongf(v, "the password is too short; it must have %d characters or more", minPassword)
	}
	return text
}

func (r *reader) page(v *value) Page {
	if v == nil {
		return Page{}
	}
	password, header, proxies := v.at("password"), v.at("header"), v.at("proxies")
	p := Page{
		Listen:   r.address(v.at("listen"), ""),
		Password: r.password(password),
		Header:   header.text(),
		Proxies:  r.addresses(proxies),
	}
	switch {
	case v.form != object:
	case password == nil && header == nil:
		r.wrongf(v, "has neither a password nor a header; give one, so that not everybody sees the page")
	case password != nil && header != nil:
		r.wrongf(header, "stands beside password; leave one of them out")
	case header != nil && (proxies == nil || proxies.form == list && len(proxies.items) == 0):
		r.wrongf(header, "needs proxies: the addresses of the proxy that sets it, because anybody can send a header")
	case header == nil && proxies != nil:
		r.wrongf(proxies, "is for header; leave it out")
	}
	return p
}

func (r *reader) log(v *value) Log {
	l := Log{JSON: v.at("format").text() == "json", Contents: v.at("contents").truth(false)}
	_ = l.Level.UnmarshalText([]byte(v.at("level").text())) // the schema has the four names; without one it stays info
	return l
}
