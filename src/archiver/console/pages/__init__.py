"""The pages, one module for each part of the navigation. In: a `Visit`. Out: a page, or where to go after something was done."""
