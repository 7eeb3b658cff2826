"""
The dashboard: pages at /loop/ for people, made on the server; htmx refreshes parts of them.

How to add a page:

1. Put what it shows into a frozen dataclass that a room in `loop/` makes, with its tests there.
2. Write `backend/dashboard/NAME_page.py`: one function with `@project_page("NAME/", entry="Title")`, or `@page` for a
   page that is of no project. It reads the request, calls the room, and returns `show("NAME.html", ...)`. Every module
   of that name is imported by `pages.py`, and its *entry* stands in the navigation: `blueprint.py` has the order.
3. Write `templates/dashboard/NAME.html`, which extends `dashboard/base.html` and fills the blocks `title` and `main`.
   `macros.html` has forms, charts, badges and the rest. No inline script or style: the browser refuses them.
4. An action is a POST: `@project_page("NAME/do", methods=["POST"])`. The CSRF token has been checked before it runs.
   `form()` has the fields, `reason()` the reason; end with `go_back(endpoint, "what was done", ...)`.
5. Test it in `tests/backend/dashboard/` with `look(page)`.
"""
