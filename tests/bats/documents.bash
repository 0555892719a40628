# shellcheck shell=bash
# What README.md tells to type.

# readme SECTION KIND [N]: its fenced blocks of this kind, or the Nth of them
readme() {
	awk -v section="## $1" -v fence="\`\`\`$2" -v n="${3-}" '
	    /^## / { on = ($0 == section) }
	    on && $0 == fence { inside = 1; at++; next }
	    /^```$/ { inside = 0 }
	    inside && (n == "" || at == n)' "$ROOT/README.md"
}

# readme_list: all of them, a line "SECTION KIND N" each
readme_list() {
	awk '
	    /^## / { section = substr($0, 4); delete at }
	    !/^```/ { next }
	    inside { inside = 0; next }
	    { inside = 1; kind = substr($0, 4); print section, kind, ++at[kind] }
	' "$ROOT/README.md"
}
