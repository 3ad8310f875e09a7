package child

import (
	"slices"
	"strings"
)

// addresses are the names by which libraries and bots read the address of the Bot API:
// tghook and Rust's telegram-bot read TELEGRAM_API_URL, Chat SDK TELEGRAM_API_BASE_URL,
// teloxide TELOXIDE_API_URL. The others are common among bots.
var addresses = []string{
	"TELEGRAM_API_URL", "TELEGRAM_API_ROOT", "TELEGRAM_API_BASE_URL", "TELEGRAM_BASE_URL", "TELEGRAM_BOT_API_URL", "TELOXIDE_API_URL",
}

// tokens are the names by which libraries and bots read the token.
var tokens = []string{"TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN", "BOT_TOKEN", "TELOXIDE_TOKEN"}

// Token returns the first token in an environment, and the name of its variable. It returns
// two empty strings if there is none.
func Token(environ []string) (token, name string) {
	for _, name := range tokens {
		if value := lookup(environ, name); value != "" {
			return value, name
		}
	}
	return "", ""
}

// Environment returns the variables that tell a bot where the Bot API is. They replace those
// of the same names. A token that environ has under some name stays as it is.
func Environment(environ []string, url, token, ca string) []string {
	var env []string
	for _, name := range addresses {
		env = append(env, name+"="+url)
	}
	env = append(env, "TELEGRAM_BASE_BOT_URL="+url+"/bot", "TELEGRAM_API_LOCAL=true") // Laravel's SDK; tghook
	add := func(name, value string) {
		if lookup(environ, name) == "" {
			env = append(env, name+"="+value)
		}
	}
	for _, name := range tokens {
		add(name, token)
	}
	if ca != "" {
		env = append(env, "NODE_EXTRA_CA_CERTS="+ca, "SSL_CERT_FILE="+ca)
	}
	add("PYTHONUNBUFFERED", "1") // else Python keeps what it prints until there is much
	return env
}

// lookup returns the value of a variable; the last of its lines counts.
func lookup(environ []string, name string) string {
	for _, line := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
