package envelope

import (
	"maps"
	"slices"
	"strings"
)

// slot names one of the values that paths lead to.
type slot int

const (
	chat slot = iota
	user
	orUser // stands in where user is 0
	poll
	date
	orDate // stands in where date is 0
	thread
	slots
)

// paths says where a kind keeps its values; "" where it has none.
type paths [slots]string

// The shapes that several kinds have.
var (
	sent    = paths{chat: "chat.id", user: "from.id", date: "date", thread: "message_thread_id"}
	edited  = paths{chat: "chat.id", user: "from.id", date: "edit_date", orDate: "date", thread: "message_thread_id"}
	changed = paths{chat: "chat.id", user: "from.id", date: "date"}
)

// kinds holds the paths of every kind as of Bot API 10.3.
//
// The date is that of what the update tells. A button press has none: that of its
// message says how old the message is. A business_connection's is that of the
// beginning, also where the update tells its end.
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

// Kinds are the names of all kinds that are known, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// kindCount bounds the known kinds that one body can name.
const kindCount = 27

// strangerPaths is the guess for a kind that is not among them. It guesses at no date:
// an update may be thrown away for its age.
var strangerPaths = grow(paths{chat: "chat.id", user: "from.id", orUser: "user.id", thread: "message_thread_id"})

// A kind is a name and the trie of its paths.
type kind struct {
	name  string
	paths node
}

// A node is the object or the value that one or more paths lead to.
type node struct {
	name     string
	children []node    // none: a value
	slots    []slot    // those at or below the node
	places   [32]uint8 // by place of a name, which of the children has it, from 1
}

// place is where the names of a node's children are told apart.
func place(name []byte) int { return (int(name[0]) + 5*len(name)) % 32 }

func compile(table map[string]paths) map[string]*kind {
	kinds := make(map[string]*kind, len(table))
	for name, p := range table {
		kinds[name] = &kind{name: name, paths: grow(p)}
	}
	return kinds
}

// grow makes the trie of paths.
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

// child is the node that a key leads to, nil if no path goes there.
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
