package queue

import (
	"encoding/json"
	"slices"
	"strings"
)

// kindSet has a bit for each of kinds.
type kindSet uint32

// defaultKinds are the kinds that Telegram sends to a bot without allowed_updates.
var defaultKinds = func() (set kindSet) {
	for i, k := range kinds {
		if !slices.Contains([]string{"chat_member", "message_reaction", "message_reaction_count"}, k.name) {
			set |= 1 << i
		}
	}
	return set
}()

// has reports whether a kind is in the set. An unknown kind, such as one of a newer Bot
// API, is in the default set only.
func (s kindSet) has(name string) bool {
	if i := index(name); i >= 0 {
		return s>>i&1 == 1
	}
	return s == defaultKinds
}

// names returns the kinds in Telegram's order; nil for the default.
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
		return "every kind except chat_member, message_reaction and message_reaction_count"
	}
	return strings.Join(s.names(), ", ")
}

// Allow sets which kinds are added, in any letter case. It ignores unknown names. If no
// known name is left, it sets Telegram's default. Updates that wait already stay.
func (q *Queue) Allow(names []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.allowed = setOf(names)
}

// setOf returns the set that Allow sets.
func setOf(names []string) (set kindSet) {
	for _, name := range names {
		if i := index(strings.ToLower(name)); i >= 0 {
			set |= 1 << i
		}
	}
	if set == 0 {
		return defaultKinds
	}
	return set
}

// AllowText is Allow for the text of the parameter allowed_updates. If the text is empty,
// or is not a JSON array of strings, it changes nothing.
func (q *Queue) AllowText(text string) {
	var list []any // []string would accept null as an element
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

// Allows reports whether updates of the kind are added.
func (q *Queue) Allows(kind string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.allowed.has(kind)
}

// Allowed returns the kinds that are added, in Telegram's order; nil for the default.
func (q *Queue) Allowed() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.allowed.names()
}
