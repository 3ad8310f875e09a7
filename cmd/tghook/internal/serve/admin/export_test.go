package admin

// Routes returns the methods of each path.
func Routes() map[string][]string {
	routes := map[string][]string{}
	for _, r := range (&api{}).routes() {
		routes[r.path] = append(routes[r.path], r.method)
	}
	return routes
}
