package queue

import (
	"encoding/json"
	"slices"
	"strings"
)

// kindSet has a bit for each of kinds.
type kindSet uint32

// defaultKinds are what Telegram sends a bot that asked for nothing else.
var defaultKinds = func() (set kindSet) {
	for i, k := range kinds {
		if !slices.Contains([]string{"chat_member", "message_reaction", "message_reaction_count"}, k.name) {
			set |= 1 << i
		}
	}
	return set
}()

// has tells whether a kind is in the set. Kinds that are not known, newer ones say, can be
// in the default only.
func (s kindSet) has(name string) bool {
	if i := index(name); i >= 0 {
		return s>>i&1 == 1
	}
	return s == defaultKinds
}

// names are in Telegram's order; nil for the default.
func (s kindSet) names() []string {
	if s == defaultKinds {
		return nil
	}
	var names []string
	for _, k := range kinds {
		if s.has(k.name) {
			names = append(names, k.name)
		}
	}
	return names
}

func (s kindSet) String() string {
	if s == defaultKinds {
		return "all but chat_member, message_reaction and message_reaction_count"
	}
	return strings.Join(s.names(), ", ")
}

// Allow sets which kinds are added, whatever case they are written in. What is no kind is
// ignored; nil, and no kind at all, is Telegram's default. What waits already stays.
func (q *Queue) Allow(names []string) {
	var set kindSet
	for _, name := range names {
		if i := index(strings.ToLower(name)); i >= 0 {
			set |= 1 << i
		}
	}
	if set == 0 {
		set = defaultKinds
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.allowed = set
}

// AllowText is Allow with the parameter allowed_updates as it came. Nothing changes if
// it is empty, as one that was left out is, or is no JSON array of strings.
func (q *Queue) AllowText(text string) {
	var list []any // strings would take null for one
	if err := json.Unmarshal([]byte(text), &list); err != nil || list == nil {
		return
	}
	names := make([]string, len(list))
	for i, v := range list {
		name, ok := v.(string)
		if !ok {
			return
		}
		names[i] = name
	}
	q.Allow(names)
}

// Allowed are the kinds that are added, in Telegram's order; nil: the default.
func (q *Queue) Allowed() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.allowed.names()
}
