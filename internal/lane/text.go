package lane

import (
	"strconv"
	"strings"
)

// The text of a Key begins with one of these.
const (
	chatText  = "chat:"
	userText  = "user:"
	queryText = "query:"
	nameText  = "name:"
)

// Text returns k as a Store or a Queue keeps it, such as chat:7. The text of the zero Key is
// empty.
func (k Key) Text() string {
	number := strconv.FormatInt(k.ID, 10)
	switch {
	case k.Name != "":
		return nameText + k.Name
	case k.Class == Chat:
		return chatText + number
	case k.Class == User:
		return userText + number
	case k.Class == Query:
		return queryText + number
	default:
		return ""
	}
}

// Parse returns the Key with a text. It returns false if text is empty or no Key has it.
func Parse(text string) (k Key, ok bool) {
	before, after, _ := strings.Cut(text, ":")
	switch before + ":" {
	case nameText:
		return Key{Name: after}, after != ""
	case chatText:
		k.Class = Chat
	case userText:
		k.Class = User
	case queryText:
		k.Class = Query
	default:
		return k, false
	}
	id, err := strconv.ParseInt(after, 10, 64)
	if err != nil {
		return Key{}, false
	}
	k.ID = id
	return k, true
}
