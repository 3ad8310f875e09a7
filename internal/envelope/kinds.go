package envelope

import (
	"maps"
	"slices"
	"strings"
)

// A slot is one of the values that an Envelope needs.
type slot int

const (
	chat slot = iota
	user
	orUser // is used if user is 0
	poll
	date
	orDate // is used if date is 0
	thread
	album
	slots
)

// paths has the path to each value within a kind's object, and "" for a value that the
// kind does not have.
type paths [slots]string

// The paths that several kinds share.
var (
	sent    = paths{chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id", album: "media_group_id"}
	edited  = paths{chat: "chat.id", user: "from.id", date: "edit_date", orDate: "date", thread: "message_thread_id"}
	changed = paths{chat: "chat.id", user: "from.id", date: "date"}
)

// kinds has the paths of every kind, as of Bot API 10.3.
//
// The date is the time of the event. A button press has none, because the date of its
// message says how old the message is. A business_connection has none here, because its
// date is that of the connection's beginning, even if the update reports its end.
var kinds = compile(map[string]paths{
	"message":                    sent,
	"edited_message":             edited,
	"channel_post":               sent,
	"edited_channel_post":        edited,
	"business_connection":        {chat: "user_chat_id", user: "user.id"},
	"business_message":           sent,
	"edited_business_message":    edited,
	"deleted_business_messages":  {chat: "chat.id"},
	"guest_message":              sent,
	"message_reaction":           {chat: "chat.id", user: "user.id", orUser: "actor_chat.id", date: "date"},
	"message_reaction_count":     {chat: "chat.id", date: "date"},
	"inline_query":               {user: "from.id"},
	"chosen_inline_result":       {user: "from.id"},
	"callback_query":             {chat: "message.chat.id", user: "from.id", thread: "message.message_thread_id"},
	"shipping_query":             {user: "from.id"},
	"pre_checkout_query":         {user: "from.id"},
	"purchased_paid_media":       {user: "from.id"},
	"poll":                       {poll: "id"},
	"poll_answer":                {chat: "voter_chat.id", user: "user.id", poll: "poll_id"},
	"my_chat_member":             changed,
	"chat_member":                changed,
	"chat_join_request":          changed,
	"chat_boost":                 {chat: "chat.id", user: "boost.source.user.id", date: "boost.add_date"},
	"removed_chat_boost":         {chat: "chat.id", user: "source.user.id", date: "remove_date"},
	"managed_bot":                {user: "user.id"},
	"subscription":               {user: "user.id"},
	"stopped_message_generation": {chat: "chat.id", thread: "message_thread_id"},
})

// Kinds returns the names of all known kinds, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// kindCount is the number of known kinds.
const kindCount = 27

// strangerPaths are a guess for an unknown kind. They have no date, because a wrong date
// could make an update a dead letter for its age.
var strangerPaths = grow(paths{chat: "chat.id", user: "from.id", orUser: "user.id", thread: "message_thread_id"})

// A kind has a name, and its paths as a trie.
type kind struct {
	name  string
	paths node
}

// A node is an object or a value that one or more paths lead to.
type node struct {
	name     string
	children []node    // if none, the node is a value
	slots    []slot    // of the values at or below the node
	places   [32]uint8 // by the place of a child's name, its index in children plus 1
}

// place is a hash of a name. No two children of a node may have the same.
func place(name []byte) int { return (int(name[0]) + 5*len(name)) % 32 }

func compile(table map[string]paths) map[string]*kind {
	kinds := make(map[string]*kind, len(table))
	for name, p := range table {
		kinds[name] = &kind{name: name, paths: grow(p)}
	}
	return kinds
}

// grow returns p as a trie.
func grow(p paths) node {
	var root node
	for s, path := range p {
		if path != "" {
			root.add(slot(s), strings.Split(path, "."))
		}
	}
	return root
}

func (n *node) add(s slot, path []string) {
	n.slots = append(n.slots, s)
	if len(path) == 0 {
		return
	}
	name := []byte(path[0])
	child := n.child(name)
	if child == nil {
		if n.places[place(name)] != 0 {
			panic("envelope: " + path[0] + " shares its place with another name: change place")
		}
		n.children = append(n.children, node{name: path[0]})
		n.places[place(name)] = uint8(len(n.children)) //nolint:gosec // a few
		child = &n.children[len(n.children)-1]
	}
	child.add(s, path[1:])
}

// child returns the node that a key leads to, or nil if no path goes there.
func (n *node) child(key []byte) *node {
	if len(key) == 0 {
		return nil
	}
	i := int(n.places[place(key)]) - 1
	if uint(i) >= uint(len(n.children)) || string(key) != n.children[i].name {
		return nil
	}
	return &n.children[i]
}
