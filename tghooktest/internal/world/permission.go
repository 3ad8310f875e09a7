package world

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

var (
	// mediaPermissions were one permission before, can_send_media_messages.
	mediaPermissions = []string{
		"can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos", "can_send_video_notes", "can_send_voice_notes",
	}
	// flatPermissions are the permissions that restrictChatMember had as parameters, before
	// it had the parameter permissions.
	flatPermissions = []string{"can_send_messages", "can_send_media_messages", "can_send_other_messages", "can_add_web_page_previews"}
	// laterPermissions are newer than the flat ones, which do not change them.
	laterPermissions = []string{"can_send_polls", "can_change_info", "can_invite_users", "can_pin_messages", "can_manage_topics"}
	// omittedPermissions have the value of another permission if they are not given.
	omittedPermissions = map[string]string{
		"can_manage_topics": "can_pin_messages", "can_edit_tag": "can_pin_messages", "can_react_to_messages": "can_send_messages",
	}
)

// grant has the permissions that a call gives. A permission that is not in it is false.
type grant map[string]bool

// granted reads the parameter permissions, as Telegram's server does.
func granted(p botapi.Params) (grant, error) {
	text := p.String("permissions")
	if p.Has("permissions") && !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse permissions JSON object")
	}
	o, ok := parseObject([]byte(text))
	if p.Has("permissions") && !ok {
		return nil, refusal("Object expected as permissions")
	}
	all, _ := parseObject([]byte(permissions))
	all["can_send_media_messages"] = nil
	g := grant{}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		if _, known := all[name]; known && !slices.Contains([]string{"true", "false", "null"}, string(o[name])) {
			return nil, refusef("Can't parse chat permissions: Field %q must be of type Boolean", name)
		}
		g[name] = o.flag(name)
	}
	newer := slices.ContainsFunc(mediaPermissions, func(name string) bool { return o[name] != nil })
	if !newer {
		g.set(g["can_send_media_messages"], mediaPermissions...)
	}
	if !p.Bool("use_independent_chat_permissions") {
		g["can_send_messages"] = g["can_send_messages"] || !newer && g["can_send_media_messages"]
		g.imply()
	}
	g.complete(o)
	return g, nil
}

// complete gives the permissions that o does not name the values of others.
func (g grant) complete(o object) {
	for name, other := range omittedPermissions {
		if o[name] == nil {
			g[name] = g[other]
		}
	}
}

// grantedFlat reads the permissions that are parameters of restrictChatMember. If later is
// false, the member keeps the permissions of laterPermissions.
func grantedFlat(p botapi.Params) (g grant, later bool) {
	g = grant{}
	given := false
	for _, name := range flatPermissions {
		g[name] = p.Bool(name)
		given = given || p.Has(name)
	}
	if !p.Bool("use_independent_chat_permissions") {
		media := g["can_send_media_messages"] || g["can_send_other_messages"] || g["can_add_web_page_previews"]
		g["can_send_media_messages"] = media
		g["can_send_messages"] = g["can_send_messages"] || media
	}
	g.set(g["can_send_media_messages"], mediaPermissions...)
	whole := !slices.ContainsFunc(flatPermissions, func(name string) bool { return !g[name] })
	g.set(whole, laterPermissions...)
	g.complete(object{"can_manage_topics": nil})
	return g, whole || !given
}

// imply adds the permissions that others include.
func (g grant) imply() {
	if g["can_send_other_messages"] || g["can_add_web_page_previews"] {
		g.set(true, mediaPermissions...)
		g.set(true, "can_send_messages")
	}
	if g["can_send_polls"] {
		g.set(true, "can_send_messages")
	}
}

func (g grant) set(value bool, names ...string) {
	for _, name := range names {
		g[name] = value
	}
}

// object returns all permissions in Telegram's order.
func (g grant) object() json.RawMessage {
	return chosenOf(permissions, func(name string) bool { return g[name] })
}

func (w *World) setChatPermissions(p botapi.Params) (any, error) {
	g, err := granted(p)
	if err != nil {
		return nil, err
	}
	c, err := w.managed(p, toSetPermissions)
	if err != nil {
		return nil, err
	}
	if c.Type == "channel" {
		return nil, refusal("can't change channel chat permissions")
	}
	c.permissions = g.object()
	w.noteChat(c)
	w.change()
	return true, nil
}

// restrictChatMember reads the permissions before it looks for the member, as Telegram does.
func (w *World) restrictChatMember(p botapi.Params) (any, error) {
	g, later := grant(nil), true
	if p.Has("permissions") {
		var err error
		if g, err = granted(p); err != nil {
			return nil, err
		}
	} else {
		g, later = grantedFlat(p)
	}
	return changesMember(toRestrict, func(w *World, p botapi.Params, c *Chat, m *Member) error {
		if c.Type != "supergroup" {
			return refusal("method is available only for supergroups")
		}
		if m.Status == "administrator" {
			return errAdministrator
		}
		if m.Status == "restricted" && !later {
			before, _ := parseObject(m.rights)
			for _, name := range laterPermissions {
				g[name] = before.flag(name)
			}
		}
		restricted := &Member{User: m.User, Status: "restricted", Until: w.until(p), rights: g.object(), away: !m.present()}
		if !bytes.Contains(restricted.rights, []byte("false")) {
			restricted = restricted.released()
		}
		w.become(c, m.User, restricted)
		return nil
	})(w, p)
}
