"""Write every page that the analysis makes: the theorems, and the conventions of frameworks."""

from . import conventions, theorems

theorems.main()
conventions.main()
