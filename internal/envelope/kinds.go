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
	slots
)

// paths says where a kind keeps its values; "" where it has none.
type paths [slots]string

// sent is the shape of messages and of most else that happens in a chat.
var sent = paths{chat: "chat.id", user: "from.id"}

// kinds holds the paths of every kind as of Bot API 10.3.
var kinds = compile(map[string]paths{
	"message":                    sent,
	"edited_message":             sent,
	"channel_post":               sent,
	"edited_channel_post":        sent,
	"business_connection":        {chat: "user_chat_id", user: "user.id"},
	"business_message":           sent,
	"edited_business_message":    sent,
	"deleted_business_messages":  {chat: "chat.id"},
	"guest_message":              sent,
	"message_reaction":           {chat: "chat.id", user: "user.id", orUser: "actor_chat.id"},
	"message_reaction_count":     {chat: "chat.id"},
	"inline_query":               {user: "from.id"},
	"chosen_inline_result":       {user: "from.id"},
	"callback_query":             {chat: "message.chat.id", user: "from.id"},
	"shipping_query":             {user: "from.id"},
	"pre_checkout_query":         {user: "from.id"},
	"purchased_paid_media":       {user: "from.id"},
	"poll":                       {poll: "id"},
	"poll_answer":                {chat: "voter_chat.id", user: "user.id", poll: "poll_id"},
	"my_chat_member":             sent,
	"chat_member":                sent,
	"chat_join_request":          sent,
	"chat_boost":                 {chat: "chat.id", user: "boost.source.user.id"},
	"removed_chat_boost":         {chat: "chat.id", user: "source.user.id"},
	"managed_bot":                {user: "user.id"},
	"subscription":               {user: "user.id"},
	"stopped_message_generation": {chat: "chat.id"},
})

// Kinds are the names of all kinds that are known, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// kindCount bounds the known kinds that one body can name.
const kindCount = 27

// strangerPaths is the guess for a kind that is not among them.
var strangerPaths = grow(paths{chat: "chat.id", user: "from.id", orUser: "user.id"})

// A kind is a name and the trie of its paths.
type kind struct {
	name  string
	paths node
}

// A node is the object or the value that one or more paths lead to.
type node struct {
	name     string
	children []node // none: a value
	slots    []slot // those at or below the node
}

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
	child := n.child([]byte(path[0]))
	if child == nil {
		n.children = append(n.children, node{name: path[0]})
		child = &n.children[len(n.children)-1]
	}
	child.add(s, path[1:])
}

// child is the node that a key leads to, nil if no path goes there.
func (n *node) child(key []byte) *node {
	for i := range n.children {
		if string(key) == n.children[i].name {
			return &n.children[i]
		}
	}
	return nil
}
